import type { PointKind } from '#contracts/contacts/contact-point.js';
import { MAX_POINTS } from '#contracts/contacts/contact.events.js';
import type { NumberedPoint } from '#contracts/contacts/contact.events.js';
import type {
  Attribute,
  AttributeType,
  ContactKind,
  ContactStatus,
  DetailName,
  Identity,
  LifecycleStage,
  TypedValue,
} from '#contracts/contacts/contact-terms.js';
import { contactEvents } from '#contracts/contacts/index.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { isErased, readable, type Erased } from '#platform/kernel/erased.js';
import { about, late } from '#platform/kernel/chronology.js';
import { PersistentMap, PersistentSet } from '#platform/kernel/persistent-map.js';

export type ContactDetails = Pick<Parameters<typeof contactEvents.contactRegistered>[0], DetailName>;
export type ContactRelation = Parameters<typeof contactEvents.contactRelated>[0];
/** How well a contact is known, whatever else its status says. */
export type IdentificationLevel = 'anonymous' | 'identified' | 'active';

/** A custom attribute; the type stays declared when the value is cleared. */
export interface DeclaredAttribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly content: TypedValue | Erased | null;
}

/** A contact point; which it is may have been erased. */
export interface KnownPoint extends Omit<NumberedPoint, 'reach'> {
  readonly pointKind: PointKind;
  readonly reach: NumberedPoint['reach'] | Erased;
  readonly verified: boolean;
}

/** Who the contact is in another system. */
export interface KnownIdentity {
  readonly system: string;
  readonly key: Identity['key'] | Erased;
}

/** The latest word of a source on one thing. */
export interface ExternalFact extends Attribute {
  readonly source: string;
  readonly date: string;
  readonly licence: string;
}

/** What the decisions about a contact need to know. */
export interface ContactState {
  /** Follows from the four fields below: merged before archived before blocked before how well it is known. */
  readonly status: 'none' | ContactStatus;
  readonly identificationLevel: IdentificationLevel;
  readonly blocked: boolean;
  readonly archived: boolean;
  readonly mergedInto: string | null;
  /** The contacts that are aliases of this one. */
  readonly mergedDuplicates: PersistentSet;
  readonly kind: ContactKind;
  readonly stage: LifecycleStage;
  /** The stage that purchases ended, while nobody has set another since. */
  readonly endedStage: LifecycleStage | null;
  /** Whose purchases make a customer of it: its own id, aliases, walk-in orders. */
  readonly purchasesOf: PersistentSet;
  readonly details: ContactDetails;
  readonly points: readonly KnownPoint[];
  readonly nextPoint: number;
  readonly identities: readonly KnownIdentity[];
  readonly owner: string | null;
  readonly tags: readonly string[];
  readonly attributes: readonly DeclaredAttribute[];
  /** By `factKey`. */
  readonly externalFacts: PersistentMap<ExternalFact>;
  /** By `relationKey`. */
  readonly relations: PersistentMap<ContactRelation>;
  /** Contacts that were looked at and found to be somebody else. */
  readonly dismissed: PersistentSet;
}

const initial: ContactState = {
  status: 'none',
  identificationLevel: 'anonymous',
  blocked: false,
  archived: false,
  mergedInto: null,
  mergedDuplicates: PersistentSet.of(),
  kind: 'person',
  stage: 'visitor',
  endedStage: null,
  purchasesOf: PersistentSet.of(),
  details: {},
  points: [],
  nextPoint: 1,
  identities: [],
  owner: null,
  tags: [],
  attributes: [],
  externalFacts: PersistentMap.empty(),
  relations: PersistentMap.empty(),
  dismissed: PersistentSet.of(),
};

type ContactFlags = Pick<ContactState, 'identificationLevel' | 'blocked' | 'archived' | 'mergedInto'>;

/** The status that a contact has, or would have after a change. */
export function statusOf(contact: ContactFlags, change: Partial<ContactFlags> = {}): ContactStatus {
  const { identificationLevel, blocked, archived, mergedInto } = { ...contact, ...change };
  if (mergedInto !== null) return 'merged';
  if (archived) return 'archived';
  return blocked ? 'blocked' : identificationLevel;
}

// The flags do not overwrite each other, so that each undoing gives back exactly what was before.
const withFlags = (contact: ContactState, change: Partial<ContactFlags>): ContactState => ({
  ...contact,
  ...change,
  status: statusOf(contact, change),
});

/** The same for two records of one relation. */
export const relationKey = ({ kind, direction, other }: ContactRelation): string => `${kind} ${direction} ${other}`;

export const Contact = aggregate<ContactState>()({
  name: 'contact',
  survivor: ({ mergedInto }) => mergedInto ?? undefined,
  initial,
  events: contactEvents,
  evolve: {
    contactRegistered: (contact, data) => {
      const { kind, status, stage, points, identities, attributes, tags = [], owner, ...more } = data;
      const { origin: _origin, ...details } = more;
      const known: ContactState = {
        ...contact,
        kind,
        stage,
        details,
        // Of an erased list nobody knows how many there were.
        identities: readable(identities) ?? [],
        tags,
        owner: owner ?? null,
        points: (readable(points) ?? []).map((point) => ({
          ...point,
          pointKind: point.reach.kind,
          verified: false,
        })),
        nextPoint: (isErased(points) ? MAX_POINTS : (points?.length ?? 0)) + 1,
        attributes: (readable(attributes) ?? []).map(({ name, content }) => ({ name, type: content.type, content })),
      };
      return withFlags(known, { identificationLevel: status as IdentificationLevel });
    },
    contactDetailsUpdated: (contact, { changed: _changed, ...details }) => ({ ...contact, details }),
    contactIdentified: (contact) => withFlags(contact, { identificationLevel: 'identified' }),
    contactActivated: (contact) => withFlags(contact, { identificationLevel: 'active' }),
    contactPointAdded: (contact, { point, pointKind, label, reach }) => ({
      ...contact,
      points: [...contact.points, { point, pointKind, label, reach, verified: false }],
      nextPoint: point + 1,
    }),
    contactPointVerified: (contact, { point }) => ({
      ...contact,
      points: contact.points.map((known) => (known.point === point ? { ...known, verified: true } : known)),
    }),
    contactPointRemoved: (contact, { point }) => ({
      ...contact,
      points: contact.points.filter((known) => known.point !== point),
    }),
    contactIdentityLinked: (contact, { system, key }) => ({
      ...contact,
      identities: [...contact.identities, { system, key }],
    }),
    contactOwnerAssigned: (contact, { owner }) => ({ ...contact, owner: owner ?? null }),
    contactTagged: (contact, { tags }) => ({ ...contact, tags }),
    contactUntagged: (contact, { tags }) => ({ ...contact, tags }),
    contactAttributeSet: (contact, { name, attributeType: type, content }) =>
      withAttribute(contact, { name, type, content }),
    contactAttributeCleared: (contact, { name, attributeType: type }) =>
      withAttribute(contact, { name, type, content: null }),
    contactExternalFactsImported: (contact, { source, date, licence, facts }) => ({
      ...contact,
      externalFacts: (readable(facts) ?? []).reduce(
        (all, fact) => latest(all, { ...fact, source, date, licence }),
        contact.externalFacts,
      ),
    }),
    contactRelated: (contact, relation) => ({
      ...contact,
      relations: contact.relations.set(relationKey(relation), relation),
    }),
    contactUnrelated: (contact, relation) => ({
      ...contact,
      relations: contact.relations.delete(relationKey(relation)),
    }),
    contactMerged: (contact, { into }) => withFlags(contact, { mergedInto: into }),
    contactUnmerged: (contact) => withFlags(contact, { mergedInto: null }),
    contactDuplicateMerged: (contact, { merged }) => ({
      ...contact,
      mergedDuplicates: contact.mergedDuplicates.add(merged),
    }),
    contactMergeUndone: (contact, { unmerged }) => ({
      ...contact,
      mergedDuplicates: contact.mergedDuplicates.delete(unmerged),
    }),
    contactDuplicateDismissed: (contact, { other }) => ({ ...contact, dismissed: contact.dismissed.add(other) }),
    contactBlocked: (contact) => withFlags(contact, { blocked: true }),
    contactArchived: (contact) => withFlags(contact, { archived: true }),
    contactRestored: (contact, { previousStatus }) =>
      withFlags(contact, previousStatus === 'archived' ? { archived: false } : { blocked: false }),
    contactLifecycleStageChanged: (contact, { stage }) => ({ ...contact, stage, endedStage: null }),
    contactPurchasesNoted: (contact, { of, has, endedStage }) => ({
      ...contact,
      purchasesOf: has ? contact.purchasesOf.add(of) : contact.purchasesOf.delete(of),
      endedStage: endedStage ?? contact.endedStage,
    }),
  },
  // We meet most customers long after they were born, and often after they first bought.
  existedBefore: true,
  // What is known of a contact comes from many places, each in an order of its own: a part is dated by that part.
  dates: {
    contactLifecycleStageChanged: about('stage'),
    contactPurchasesNoted: late(),
    contactDetailsUpdated: about('details'),
    contactOwnerAssigned: about('owner'),
    contactPointAdded: pointOf,
    contactPointVerified: pointOf,
    contactPointRemoved: pointOf,
    contactIdentityLinked: late(),
    contactTagged: ({ added }) => about(...added.map((tag) => `tag ${tag}`)),
    contactUntagged: ({ removed }) => about(...removed.map((tag) => `tag ${tag}`)),
    contactAttributeSet: ({ name }) => about(`attribute ${name}`),
    contactAttributeCleared: ({ name }) => about(`attribute ${name}`),
    // They have a day of their own, by which the later one stands.
    contactExternalFactsImported: late(),
    contactRelated: relationOf,
    contactUnrelated: relationOf,
    contactDuplicateDismissed: late(),
  },
});

function pointOf({ point }: { point: number }) {
  return about(`point ${point}`);
}

function relationOf(relation: ContactRelation) {
  return about(`relation ${relationKey(relation)}`);
}

function withAttribute(contact: ContactState, attribute: DeclaredAttribute): ContactState {
  const others = contact.attributes.filter(({ name }) => name !== attribute.name);
  return { ...contact, attributes: [...others, attribute] };
}

/** What a source has one word on. */
export const factKey = (source: string, name: string): string => JSON.stringify([source, name]);

/** Facts may be imported out of order; the word of the later day stands. */
function latest(facts: PersistentMap<ExternalFact>, fact: ExternalFact): PersistentMap<ExternalFact> {
  const key = factKey(fact.source, fact.name);
  const known = facts.get(key);
  return known && known.date > fact.date ? facts : facts.set(key, fact);
}
