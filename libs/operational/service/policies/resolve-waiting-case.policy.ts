import { caseCustomerAwaited } from '#contracts/service/case.events.js';
import { daysAfter } from '#platform/kernel/calendar.js';
import { policy } from '#platform/kernel/policy.js';
import { resolveCase } from '../case/resolve-case.command.js';
import { endOf } from './case-waits.js';

export const resolveWaitingCase = policy({
  name: 'resolve-waiting-case',
  version: 1,
  about: 'A case that has waited for its customer for so many days is resolved; a reply reopens it',
  setting: 'YAD_RESOLVE_WAITING_CASE_DAYS',
  on: caseCustomerAwaited,
  after: ({ recordedAt }, { days, zone }) => daysAfter(recordedAt, days, zone),
  unless: endOf('pending-customer', caseCustomerAwaited),
  send: ({ aggregateId }) => resolveCase.for(aggregateId, { resolution: 'no-answer' }),
});
