import * as events from '#contracts/service/case.events.js';

// What the specifications of cases have in common: a complaint that came by e-mail and that Lena works on.

/** The id that `specify` decides on. */
export const specId = '00000000-0000-7000-8000-000000000001';
export const otherId = '0198f3a0-0000-7000-8000-00000000ca02';
export const customer = '0198f3a0-0000-7000-8000-00000000c001';

/** A case as it is when opened; `specify` decides at this instant. */
export const fresh = {
  contact: customer,
  number: 'C-7',
  kind: 'complaint' as const,
  channel: 'email' as const,
  priority: 'normal' as const,
  queue: 'returns',
  status: 'new' as const,
  openedAt: '2026-01-15T12:00:00.000Z',
};
const mine = { ...fresh, assignee: 'lena' };
/** The overview of Lena's case in a status. */
export const as = <S extends events.CaseStatus>(status: S) => ({ ...mine, status });

const now = '2026-01-15T12:00:00.000Z';
export const opened = events.caseOpened({ ...fresh, title: 'The teapot leaks' });
export const assigned = events.caseAssigned(as('assigned'));
export const replied = events.caseRepliedToCustomer({ ...as('in-progress'), via: 'email', text: 'We look into it' });
export const firstResponse = events.caseFirstResponseRecorded({ ...as('in-progress'), via: 'email' });
/** Opened, assigned and answered once. */
export const inProgress = [opened, assigned, replied, firstResponse] as const;
export const awaiting = events.caseCustomerAwaited(as('pending-customer'));
export const thirdParty = events.caseThirdPartyAwaited({ ...as('pending-third-party'), party: 'The potter' });
export const until = '2026-01-19T08:00:00.000Z';
export const snoozed = events.caseSnoozed({ ...as('snoozed'), until, zone: 'Europe/London' });
export const resolved = events.caseResolved({
  ...as('resolved'),
  firstRespondedAt: now,
  resolution: 'replaced',
  reopenings: 0,
});
export const closed = events.caseClosed({
  ...as('closed'),
  firstRespondedAt: now,
  resolvedAt: now,
  resolution: 'replaced',
  reopenings: 0,
});
export const rejected = events.caseRejected({ ...fresh, status: 'rejected', reason: 'spam' });
export const merged = events.caseMerged({ ...fresh, status: 'duplicate', into: otherId, previousStatus: 'new' });

/** Pasts after which a case is not open. */
export const done = [
  [...inProgress, resolved],
  [...inProgress, resolved, closed],
  [opened, rejected],
  [opened, merged],
] as const;
