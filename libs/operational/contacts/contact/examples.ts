import * as events from '#contracts/contacts/contact.events.js';
import type { ContactPoint } from '#contracts/contacts/contact-point.js';

// What the specifications of contacts have in common: Sara, who is registered with nothing but her name.

/** The id that `specify` decides on. */
export const specId = '00000000-0000-7000-8000-000000000001';
export const otherId = '0198f3a0-0000-7000-8000-00000000c002';
export const thirdId = '0198f3a0-0000-7000-8000-00000000c003';

export const anonymous = events.contactRegistered({ kind: 'person', status: 'anonymous', stage: 'visitor' });
export const sara = events.contactRegistered({
  kind: 'person',
  status: 'identified',
  stage: 'lead',
  name: { full: 'سارا کریمی' },
});
export const acme = events.contactRegistered({
  kind: 'organisation',
  status: 'identified',
  stage: 'lead',
  name: { full: 'Acme' },
});

export const email: ContactPoint = { kind: 'email', address: 'sara@example.com' };
export const phone: ContactPoint = { kind: 'phone', number: '+442079460000' };
export const emailAdded = events.contactPointAdded({ point: 1, pointKind: 'email', reach: email });
export const emailVerified = events.contactPointVerified({
  point: 1,
  pointKind: 'email',
  reach: email,
  method: 'link-clicked',
});
export const activated = events.contactActivated({ status: 'active', by: 'verified-point' });
export const blocked = events.contactBlocked({ reason: 'fraud', status: 'blocked', previousStatus: 'identified' });
export const archived = events.contactArchived({ reason: 'moved', status: 'archived', previousStatus: 'identified' });
export const merged = events.contactMerged({ into: otherId, previousStatus: 'identified' });
