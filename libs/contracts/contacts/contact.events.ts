import { z } from 'zod';
import { Day } from '#platform/kernel/calendar.js';
import { isErased, readable } from '#platform/kernel/erased.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { Code, Note, key } from '../terms.js';
import { ContactPoint, PointKind, PointNumber } from './contact-point.js';
import {
  Attribute,
  AttributeName,
  AttributeType,
  ContactKind,
  ContactStatus,
  DetailName,
  Identity,
  identityKey,
  LifecycleStage,
  RelationKind,
  Staff,
  Tag,
  TypedValue,
  contactDetails,
} from './contact-terms.js';

// The subject of a contact's stream is the contact itself.
const details = {
  name: personal(contactDetails.name.optional()),
  birthDate: personal(contactDetails.birthDate.optional()),
  language: personal(contactDetails.language.optional()),
  zone: personal(contactDetails.zone.optional()),
  jobTitle: personal(contactDetails.jobTitle.optional()),
  department: personal(contactDetails.department.optional()),
  website: personal(contactDetails.website.optional()),
  registrationNumber: personal(contactDetails.registrationNumber.optional()),
  remarks: personal(contactDetails.remarks.optional(), 'note'),
};

/** Bounds of what one contact holds, so that its stream stays quick to fold. */
export const MAX_POINTS = 100;
export const MAX_IDENTITIES = 100;
export const MAX_TAGS = 100;
export const MAX_ATTRIBUTES = 200;
export const MAX_FACTS = 200;
export const MAX_RELATIONS = 10_000;

/** A point with its number in the contact. */
export const NumberedPoint = z.strictObject({ point: PointNumber, label: Code.optional(), reach: ContactPoint });
export type NumberedPoint = z.infer<typeof NumberedPoint>;

export const contactRegistered = defineEvent({
  type: 'crm.contacts.contact.registered',
  fields: {
    kind: open(ContactKind, 'shown'),
    status: open(ContactStatus, 'shown'),
    stage: open(LifecycleStage, 'shown'),
    ...details,
    points: personal(z.array(NumberedPoint).max(MAX_POINTS).optional()),
    identities: personal(z.array(Identity).max(MAX_IDENTITIES).optional()),
    attributes: personal(z.array(Attribute).max(MAX_ATTRIBUTES).optional()),
    tags: open(z.array(Tag).max(MAX_TAGS).optional()),
    owner: open(Staff.optional(), 'shown'),
    /** How the contact came to us: `trade-fair`, `web`. */
    origin: open(Code.optional()),
  },
  reserves: ({ identities }) => (readable(identities) ?? []).map(identityKey),
});

/** The details from now on, in full; `changed` names those that differ from before. */
export const contactDetailsUpdated = defineEvent({
  type: 'crm.contacts.contact.details-updated',
  fields: { changed: open(z.array(DetailName).min(1)), ...details },
});

/** Somebody is known behind an anonymous contact now. */
export const contactIdentified = defineEvent({
  type: 'crm.contacts.contact.identified',
  fields: { status: open(ContactStatus, 'shown'), by: open(z.enum(['name', 'contact-point', 'identity'])) },
});

/** The contact has shown to be real: a verified point, or business with us. */
export const contactActivated = defineEvent({
  type: 'crm.contacts.contact.activated',
  fields: { status: open(ContactStatus, 'shown'), by: open(z.enum(['verified-point', 'business'])) },
});

const point = {
  point: open(PointNumber),
  pointKind: open(PointKind, 'shown'),
  label: open(Code.optional()),
  reach: personal(ContactPoint),
};

export const contactPointAdded = defineEvent({ type: 'crm.contacts.contact.point-added', fields: point });

export const contactPointVerified = defineEvent({
  type: 'crm.contacts.contact.point-verified',
  fields: { ...point, method: open(Code, 'shown') },
});

export const contactPointRemoved = defineEvent({
  type: 'crm.contacts.contact.point-removed',
  fields: { ...point, reason: open(Code.optional(), 'shown') },
});

export const contactIdentityLinked = defineEvent({
  type: 'crm.contacts.contact.identity-linked',
  fields: { system: open(Identity.shape.system, 'shown'), key: personal(Identity.shape.key) },
  reserves: ({ system, key: inSystem }) => (isErased(inSystem) ? [] : [identityKey({ system, key: inSystem })]),
});

/** Without an owner: nobody looks after the contact from now on. */
export const contactOwnerAssigned = defineEvent({
  type: 'crm.contacts.contact.owner-assigned',
  fields: { owner: open(Staff.optional(), 'shown'), previousOwner: open(Staff.optional()) },
});

const tags = open(z.array(Tag).max(MAX_TAGS));

/** `added` are new; `tags` are all from now on. */
export const contactTagged = defineEvent({
  type: 'crm.contacts.contact.tagged',
  fields: { added: open(z.array(Tag).min(1).max(MAX_TAGS), 'shown'), tags },
});

export const contactUntagged = defineEvent({
  type: 'crm.contacts.contact.untagged',
  fields: { removed: open(z.array(Tag).min(1).max(MAX_TAGS), 'shown'), tags },
});

export const contactAttributeSet = defineEvent({
  type: 'crm.contacts.contact.attribute-set',
  fields: {
    name: open(AttributeName),
    attributeType: open(AttributeType),
    content: personal(TypedValue),
    previous: personal(TypedValue.optional()),
  },
});

/** The type stays declared: the attribute can only come back with the same one. */
export const contactAttributeCleared = defineEvent({
  type: 'crm.contacts.contact.attribute-cleared',
  fields: { name: open(AttributeName), attributeType: open(AttributeType), previous: personal(TypedValue) },
});

/** What others say about the contact, never to be taken for what the contact said. */
export const contactExternalFactsImported = defineEvent({
  type: 'crm.contacts.contact.external-facts-imported',
  fields: {
    /** Who says so. */
    source: open(key(200)),
    /** The day that the facts are of. */
    date: open(Day),
    /** Under which the facts may be used. */
    licence: open(key(200)),
    facts: personal(z.array(Attribute).min(1).max(MAX_FACTS), 'third-party'),
  },
});

const relation = {
  kind: open(RelationKind, 'shown'),
  other: open(Id, 'shown'),
  /** `to`: the relation leads from this contact to the other (this one works at the other); `from`: the other way. */
  direction: open(z.enum(['to', 'from']), 'shown'),
};

/** Stored with both contacts, so that each timeline shows it. */
export const contactRelated = defineEvent({ type: 'crm.contacts.contact.related', fields: relation });

export const contactUnrelated = defineEvent({ type: 'crm.contacts.contact.unrelated', fields: relation });

/** With the contact that turned out to be another one: an alias from now on. Its facts stay under its own id. */
export const contactMerged = defineEvent({
  type: 'crm.contacts.contact.merged',
  fields: { into: open(Id, 'shown'), previousStatus: open(ContactStatus), note: personal(Note.optional(), 'note') },
});

/** With the contact that stays. */
export const contactDuplicateMerged = defineEvent({
  type: 'crm.contacts.contact.duplicate-merged',
  fields: { merged: open(Id, 'shown'), note: personal(Note.optional(), 'note') },
});

/** The inverse of `contactMerged`: `status` is what it was before. */
export const contactUnmerged = defineEvent({
  type: 'crm.contacts.contact.unmerged',
  fields: { from: open(Id, 'shown'), status: open(ContactStatus, 'shown'), note: personal(Note.optional(), 'note') },
});

/** The inverse of `contactDuplicateMerged`. */
export const contactMergeUndone = defineEvent({
  type: 'crm.contacts.contact.merge-undone',
  fields: { unmerged: open(Id, 'shown'), note: personal(Note.optional(), 'note') },
});

/** Somebody looked: the other is not the same contact. */
export const contactDuplicateDismissed = defineEvent({
  type: 'crm.contacts.contact.duplicate-dismissed',
  fields: { other: open(Id, 'shown'), note: personal(Note.optional(), 'note') },
});

const halt = {
  reason: open(Code, 'shown'),
  status: open(ContactStatus, 'shown'),
  previousStatus: open(ContactStatus),
  note: personal(Note.optional(), 'note'),
};

export const contactBlocked = defineEvent({ type: 'crm.contacts.contact.blocked', fields: halt });

export const contactArchived = defineEvent({ type: 'crm.contacts.contact.archived', fields: halt });

/** Undoes the last block or archiving; `status` is what it was before that. */
export const contactRestored = defineEvent({
  type: 'crm.contacts.contact.restored',
  fields: {
    status: open(ContactStatus, 'shown'),
    previousStatus: open(ContactStatus),
    note: personal(Note.optional(), 'note'),
  },
});

export const contactLifecycleStageChanged = defineEvent({
  type: 'crm.contacts.contact.lifecycle-stage-changed',
  fields: { stage: open(LifecycleStage, 'shown'), previousStage: open(LifecycleStage) },
});

/**
 * Whether the contact has bought something that did not all come back: by themselves, by a contact that turned out to
 * be the same one, or in a walk-in order that is attached. One event for each of these, when it changes.
 */
export const contactPurchasesNoted = defineEvent({
  type: 'crm.contacts.contact.purchases-noted',
  fields: {
    /** Whose purchases: the contact, a contact that was merged into it, or an order. */
    of: open(Id, 'unless-subject'),
    has: open(z.boolean(), 'shown'),
    /** The stage that the purchases ended: to it the contact goes back when all of them have come back. */
    endedStage: open(LifecycleStage.optional()),
  },
});
