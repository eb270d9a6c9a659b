import { z } from 'zod';
import { Staff } from '#contracts/contacts/contact-terms.js';
import { Code, Note } from '#contracts/terms.js';
import { caseEscalated } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertOpen } from './case.rules.js';

export const escalateCase = command({
  name: 'EscalateCase',
  summary: 'Raises the case by one level of attention; who works on it and its priority stay',
  on: Case,
  route: 'POST /v1/cases/:id/escalate',
  input: z.strictObject({
    reason: Code,
    to: Staff.optional().meta({ description: 'Whom it is brought before' }),
    note: Note.optional(),
  }),
  decide: (state, { reason, to, note }) => {
    assertOpen(state);
    return caseEscalated({ ...state.overview, level: state.escalations + 1, to, reason, note });
  },
});
