import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseClosed } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertExists } from './case.rules.js';

export const closeCase = command({
  name: 'CloseCase',
  summary: 'Closes a resolved case',
  on: Case,
  route: 'POST /v1/cases/:id/close',
  input: z.strictObject({ note: Note.optional() }),
  decide: (state, { note }) => {
    assertExists(state);
    if (state.status === 'closed') return;
    const { overview, firstRespondedAt, resolvedAt, resolution, reopenings } = state;
    const resolved = state.status === 'resolved' && resolvedAt !== undefined && resolution !== undefined;
    rule('case-is-resolved', resolved, `the case is ${state.status}`);
    return caseClosed({ ...overview, status: 'closed', firstRespondedAt, resolvedAt, resolution, reopenings, note });
  },
});
