import { z } from 'zod';
import { Code, Note } from '#contracts/terms.js';
import { caseMergeUndone, caseReopened } from '#contracts/service/case.events.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import type { CaseState } from './case.aggregate.js';
import { assertExists } from './case.rules.js';

// Only these were thought to be answered: a case that was rejected or merged by mistake was never served badly.
const ANSWERED: readonly CaseState['status'][] = ['resolved', 'closed'];
const REOPENABLE: readonly CaseState['status'][] = [...ANSWERED, 'rejected', 'duplicate'];

export const reopenCase = command({
  name: 'ReopenCase',
  summary: 'Takes a case up again that was resolved, closed, rejected or held for a duplicate',
  on: Case,
  route: 'POST /v1/cases/:id/reopen',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  refs: { original: reference(Case, (_input: unknown, state: CaseState) => state.duplicateOf) },
  decide: (state, { reason, note }, { id, refs }) => {
    assertExists(state);
    rule('case-is-done', REOPENABLE.includes(state.status), `the case is ${state.status}`);
    const { overview } = state;
    const reopened = caseReopened({
      ...overview,
      status: overview.assignee === undefined ? 'new' : 'in-progress',
      previousStatus: overview.status,
      reason,
      reopenings: state.reopenings + (ANSWERED.includes(state.status) ? 1 : 0),
      note,
    });
    const { original } = refs;
    return original
      ? [reopened, at('original', caseMergeUndone({ ...original.state.overview, reopened: id }))]
      : reopened;
  },
});
