import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseSatisfactionRecorded } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertExists } from './case.rules.js';

export const recordSatisfaction = command({
  name: 'RecordSatisfaction',
  summary: 'Records how content the customer was with the solution, from 1 to 5; the last answer counts',
  on: Case,
  route: 'PUT /v1/cases/:id/satisfaction',
  input: z.strictObject({ score: z.int().min(1).max(5), comment: Note.optional() }),
  decide: (state, { score, comment }) => {
    assertExists(state);
    const { status, satisfaction: previousScore } = state;
    rule('case-is-resolved', status === 'resolved' || status === 'closed', `the case is ${status}`);
    if (score === previousScore && comment === undefined) return;
    return caseSatisfactionRecorded({ ...state.overview, score, previousScore, comment });
  },
});
