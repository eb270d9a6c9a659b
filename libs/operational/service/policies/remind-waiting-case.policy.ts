import { caseCustomerAwaited } from '#contracts/service/case.events.js';
import { daysAfter } from '#platform/kernel/calendar.js';
import { policy } from '#platform/kernel/policy.js';
import { remindCustomer } from '../case/remind-customer.command.js';
import { endOf } from './case-waits.js';

export const remindWaitingCase = policy({
  name: 'remind-waiting-case',
  version: 1,
  about: 'A customer is reminded once of a case that has waited for them for so many days',
  setting: 'YAD_REMIND_WAITING_CASE_DAYS',
  on: caseCustomerAwaited,
  // From when we learnt of it: what is imported from the past reminds nobody at once.
  after: ({ recordedAt }, { days, zone }) => daysAfter(recordedAt, days, zone),
  unless: endOf('pending-customer', caseCustomerAwaited),
  send: ({ aggregateId }) => remindCustomer.for(aggregateId, {}),
});
