import { z } from 'zod';
import { Code, Note } from '#contracts/terms.js';
import { caseRejected } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

export const rejectCase = command({
  name: 'RejectCase',
  summary: 'Declines the case: it is no concern of ours, or no case at all',
  on: Case,
  route: 'POST /v1/cases/:id/reject',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  decide: (state, { reason, note }) => {
    assertOpen(state);
    const { size } = state.mergedDuplicates;
    rule('no-duplicates-held', size === 0, `${size} other cases are duplicates of this one; reopen them first`);
    return caseRejected({ ...state.overview, status: 'rejected', reason, note });
  },
});
