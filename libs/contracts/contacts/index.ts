import type { EventContract } from '#platform/kernel/event-contract.js';
import * as events from './contact.events.js';

/** All events of the contacts context. */
export const contactEvents: EventContract<any>[] = [
  events.contactRegistered,
  events.contactDetailsUpdated,
  events.contactIdentified,
  events.contactActivated,
  events.contactPointAdded,
  events.contactPointVerified,
  events.contactPointRemoved,
  events.contactIdentityLinked,
  events.contactOwnerAssigned,
  events.contactTagged,
  events.contactUntagged,
  events.contactAttributeSet,
  events.contactAttributeCleared,
  events.contactExternalFactsImported,
  events.contactRelated,
  events.contactUnrelated,
  events.contactMerged,
  events.contactDuplicateMerged,
  events.contactUnmerged,
  events.contactMergeUndone,
  events.contactDuplicateDismissed,
  events.contactBlocked,
  events.contactArchived,
  events.contactRestored,
  events.contactLifecycleStageChanged,
];
