import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { CasePriority, casePriorityChanged } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

export const changePriority = command({
  name: 'ChangePriority',
  summary: 'Changes how urgent the case is',
  on: Case,
  route: 'PUT /v1/cases/:id/priority',
  input: z.strictObject({ priority: CasePriority, note: Note.optional() }),
  decide: (state, { priority, note }) => {
    assertOpen(state);
    const { priority: previousPriority } = state.overview;
    if (priority === previousPriority) return;
    return casePriorityChanged({ ...state.overview, priority, previousPriority, note });
  },
});
