import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseCustomerAwaited } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { Case } from './case.aggregate.js';
import { assertAssigned } from './case.rules.js';

export const awaitCustomer = command({
  name: 'AwaitCustomer',
  summary: 'The case waits for the customer; their reply wakes it',
  on: Case,
  route: 'POST /v1/cases/:id/await-customer',
  input: z.strictObject({ note: Note.optional() }),
  decide: (state, { note }) => {
    assertAssigned(state);
    if (state.status === 'pending-customer') return;
    return caseCustomerAwaited({ ...state.overview, status: 'pending-customer', note });
  },
});
