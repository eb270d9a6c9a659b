import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseCustomerReminded } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertAssigned } from './case.rules.js';

export const remindCustomer = command({
  name: 'RemindCustomer',
  summary:
    'Has the customer reminded that the case waits for them; whoever writes to customers takes it from the event',
  on: Case,
  route: 'POST /v1/cases/:id/remind-customer',
  input: z.strictObject({ note: Note.optional() }),
  decide: (state, { note }) => {
    assertAssigned(state);
    rule('customer-is-awaited', state.status === 'pending-customer', `the case is ${state.status}`);
    return caseCustomerReminded({ ...state.overview, note });
  },
});
