import { rule } from '#platform/kernel/errors.js';
import type { CaseState } from './case.aggregate.js';

/** The statuses of a case that somebody has to do something about. */
const OPEN: readonly CaseState['status'][] = [
  'new',
  'assigned',
  'in-progress',
  'pending-customer',
  'pending-third-party',
  'snoozed',
];
/** Those in which it waits. */
const WAITING: readonly CaseState['status'][] = ['pending-customer', 'pending-third-party', 'snoozed'];

export const isWaiting = (status: CaseState['status']): boolean => WAITING.includes(status);

/** Refuses by `case-exists` a case that was never opened. */
export function assertExists(state: CaseState): void {
  rule('case-exists', state.status !== 'none', 'there is no such case');
}

/** Refuses by `case-is-open` what is resolved, closed, rejected or a duplicate. */
export function assertOpen(state: CaseState): void {
  assertExists(state);
  rule('case-is-open', OPEN.includes(state.status), `the case is ${state.status}`);
}

/** Refuses what is not open, and by `case-is-assigned` what nobody works on yet. */
export function assertAssigned(state: CaseState): void {
  assertOpen(state);
  rule('case-is-assigned', state.status !== 'new', 'nobody works on the case yet; assign it first');
}
