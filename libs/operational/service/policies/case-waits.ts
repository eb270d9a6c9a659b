import { caseEvents } from '#contracts/service/index.js';
import type { CaseStatus } from '#contracts/service/case.events.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import type { Withdrawal } from '#platform/kernel/policy.js';

/**
 * What ends that a case is in a status: every event of a case says in which it is then. The event that begins it anew,
 * such as another snooze, sets a timer of its own.
 */
export const endOf = (status: CaseStatus, begins: EventContract<any>): Withdrawal => ({
  events: Object.values(caseEvents),
  when: ({ type, data }) => data.status !== status || type === begins.type,
});
