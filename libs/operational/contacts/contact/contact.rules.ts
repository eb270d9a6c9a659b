import { contactActivated, contactIdentified } from '#contracts/contacts/contact.events.js';
import type { LifecycleStage } from '#contracts/contacts/contact-terms.js';
import type { Referenced } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { statusOf } from './contact.aggregate.js';
import type { ContactState } from './contact.aggregate.js';

/** Refuses by `contact-exists` a contact that was never registered or is erased. */
export function assertExists({ status }: ContactState, id?: string): void {
  const named = id === undefined ? 'this contact' : `contact ${id}`;
  rule('contact-exists', status !== 'none' && status !== 'erased', `${named} does not exist`);
}

/** Refuses what does not exist, and by `contact-not-merged` an alias: what happens now, happens to the survivor. */
export function assertNotMerged(contact: ContactState): void {
  assertExists(contact);
  const { mergedInto } = contact;
  rule('contact-not-merged', mergedInto === null, `the contact was merged into ${mergedInto}`);
}

/** Refuses changes of a contact that does not exist, is an alias of another, or is archived. */
export function assertCurrent(contact: ContactState): void {
  assertNotMerged(contact);
  rule('contact-not-archived', !contact.archived, 'the contact is archived; restore it first');
}

/**
 * Refuses by `contact-exists` a reference to a contact that was never registered or is erased. A merged contact
 * passes: facts stay under the contact that they happened to.
 */
export function assertContactExists(contact: Referenced<ContactState> | undefined): void {
  if (contact) assertExists(contact.state, contact.id);
}

/** Refuses by `another-contact` a contact that is set beside itself. */
export function assertAnother(id: string, other: string): void {
  rule('another-contact', id !== other, 'this is the contact itself');
}

/** Stages in which business is done. */
const IN_BUSINESS: readonly LifecycleStage[] = ['customer', 'loyal'];
export const inBusiness = (stage: LifecycleStage): boolean => IN_BUSINESS.includes(stage);

/** What follows when the first thing that tells who a contact is becomes known; nothing when it was known before. */
export function identifiedBy(
  contact: ContactState,
  by: Parameters<typeof contactIdentified>[0]['by'],
): DomainEvent<any>[] {
  if (contact.identificationLevel !== 'anonymous') return [];
  const identified = contactIdentified({ by, status: statusOf(contact, { identificationLevel: 'identified' }) });
  return inBusiness(contact.stage) ? [identified, activated(contact, 'business')] : [identified];
}

/** What follows when an identified contact has shown to be real; nothing when it had before. */
export const activatedBy = (contact: ContactState, by: 'verified-point' | 'business'): DomainEvent<any>[] =>
  contact.identificationLevel === 'identified' ? [activated(contact, by)] : [];

const activated = (contact: ContactState, by: 'verified-point' | 'business') =>
  contactActivated({ by, status: statusOf(contact, { identificationLevel: 'active' }) });
