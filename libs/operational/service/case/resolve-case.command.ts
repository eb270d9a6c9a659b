import { z } from 'zod';
import { Code } from '#contracts/terms.js';
import { CaseText, caseResolved } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertAssigned } from './case.rules.js';

export const resolveCase = command({
  name: 'ResolveCase',
  summary: 'Says how the case was solved; it stays resolved until it is closed or the customer objects',
  on: Case,
  route: 'POST /v1/cases/:id/resolve',
  input: z.strictObject({ resolution: Code, text: CaseText.optional() }),
  decide: (state, { resolution, text }) => {
    assertAssigned(state);
    const { overview, firstRespondedAt, reopenings } = state;
    return caseResolved({ ...overview, status: 'resolved', firstRespondedAt, resolution, reopenings, text });
  },
});
