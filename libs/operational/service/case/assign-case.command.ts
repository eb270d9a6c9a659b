import { z } from 'zod';
import { Staff } from '#contracts/contacts/contact-terms.js';
import { Note } from '#contracts/terms.js';
import { caseAssigned } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

export const assignCase = command({
  name: 'AssignCase',
  summary: 'Gives the case to a member of staff; work under way goes on as it stands',
  on: Case,
  route: 'POST /v1/cases/:id/assign',
  input: z.strictObject({ assignee: Staff, note: Note.optional() }),
  decide: (state, { assignee, note }) => {
    assertOpen(state);
    const { assignee: previousAssignee, status } = state.overview;
    if (assignee === previousAssignee) return;
    const next = status === 'new' ? 'assigned' : status;
    return caseAssigned({ ...state.overview, assignee, status: next, previousAssignee, note });
  },
});
