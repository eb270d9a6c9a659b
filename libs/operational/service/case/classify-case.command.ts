import { z } from 'zod';
import { Code } from '#contracts/terms.js';
import { CaseKind, caseClassified } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

export const classifyCase = command({
  name: 'ClassifyCase',
  summary: 'Says of what kind and category the case is; a null category takes it away',
  on: Case,
  route: 'PUT /v1/cases/:id/classification',
  input: z.strictObject({ kind: CaseKind.optional(), category: Code.nullable().optional() }),
  decide: (state, input) => {
    assertOpen(state);
    const { overview } = state;
    const kind = input.kind ?? overview.kind;
    const category = input.category === undefined ? overview.category : (input.category ?? undefined);
    if (kind === overview.kind && category === overview.category) return;
    const previous = { previousKind: overview.kind, previousCategory: overview.category };
    return caseClassified({ ...overview, kind, category, ...previous });
  },
});
