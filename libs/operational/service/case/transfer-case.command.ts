import { z } from 'zod';
import { Staff } from '#contracts/contacts/contact-terms.js';
import { Code, Note } from '#contracts/terms.js';
import { caseTransferred } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

export const transferCase = command({
  name: 'TransferCase',
  summary: 'Moves the case to another queue, where it is new until somebody takes it',
  on: Case,
  route: 'POST /v1/cases/:id/transfer',
  input: z.strictObject({ queue: Code, assignee: Staff.optional(), note: Note.optional() }),
  decide: (state, { queue, assignee, note }) => {
    assertOpen(state);
    const { queue: previousQueue, assignee: previousAssignee } = state.overview;
    rule(
      'another-queue',
      queue !== previousQueue,
      `the case is in ${queue} already; AssignCase changes who works on it`,
    );
    const status = assignee === undefined ? ('new' as const) : ('assigned' as const);
    return caseTransferred({ ...state.overview, queue, assignee, status, previousQueue, previousAssignee, note });
  },
});
