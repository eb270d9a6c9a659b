import * as contact from '#contracts/contacts/contact.events.js';
import type { ContactStatus, DetailName } from '#contracts/contacts/contact-terms.js';
import { erased, isErased, type Erased } from '#platform/kernel/erased.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import type { RowChange } from '#platform/projections/definition/table.js';
import { Customer, CustomerActivity, CustomerTag, type CustomerDetails, type CustomerFact } from './customer.table.js';

/** Changes the profile of the event's subject; a subject that never registered (a walk-in order) has none. */
const ofCustomer = (
  { subject }: RecordedEvent,
  fold: (row: Customer) => Partial<Customer> | undefined,
): RowChange<Customer> =>
  Customer.change({ subject }, (row) => {
    if (!row) return null;
    const changed = fold(row);
    return changed ? { ...row, ...changed } : row;
  });

const unregistered = {
  kind: null,
  status: null,
  status_before: null,
  stage: null,
  owner: null,
  merged_duplicates: 0,
  merged_into: null,
  tags: [],
};

/** The row with the event as a sign of life of its subject. */
function alive({ subject, occurredAt }: RecordedEvent, row: CustomerActivity | undefined): CustomerActivity {
  if (!row) return { first_seen_at: occurredAt, last_event_at: occurredAt, ...unregistered, subject };
  if (occurredAt > row.last_event_at) return { ...row, last_event_at: occurredAt };
  // History may be imported after the customer was registered.
  return occurredAt < row.first_seen_at ? { ...row, first_seen_at: occurredAt } : row;
}

/** What lists are filtered by, which stands in both tables. */
type Listed = Pick<
  Customer,
  'kind' | 'status' | 'status_before' | 'stage' | 'owner' | 'merged_duplicates' | 'merged_into' | 'tags'
>;

/** Changes what lists are filtered by, with the profile and with the signs of life. */
const ofListed = (event: RecordedEvent, fold: (row: Listed) => Partial<Listed>): RowChange[] => [
  ofCustomer(event, fold),
  CustomerActivity.change({ subject: event.subject }, (row) => {
    const lived = alive(event, row);
    return lived.kind === null ? lived : { ...lived, ...fold(lived as Listed) };
  }),
];

const toStatus = (event: RecordedEvent<{ status: ContactStatus }>) =>
  ofListed(event, () => ({ status: event.data.status }));

type ContactDetails = Pick<Parameters<typeof contact.contactRegistered>[0], DetailName>;

/** The details that are known, without the name, which has columns of its own. */
function detailsOf(data: ContactDetails): CustomerDetails {
  const { name, birthDate, language, zone, jobTitle, department, website, registrationNumber, remarks } = data;
  const known = {
    given: isErased(name) ? erased : name?.given,
    family: isErased(name) ? erased : name?.family,
    birthDate,
    language,
    zone,
    jobTitle,
    department,
    website,
    registrationNumber,
    remarks,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

/** The full name; empty when none is known. */
const nameOf = (name: ContactDetails['name']): string | Erased => (isErased(name) ? erased : (name?.full ?? ''));

/** Of an erased list nobody knows how long it was: one `erased` stands for it. */
const listOf = <Item>(list: readonly Item[] | Erased | undefined): (Item | Erased)[] =>
  isErased(list) ? [erased] : [...(list ?? [])];

const factKey = (fact: CustomerFact | Erased): string =>
  isErased(fact) ? '' : JSON.stringify([fact.source, fact.name]);

/** Newer facts of a source replace its older ones of the same name, in whatever order they were imported. */
function withFacts(
  known: readonly (CustomerFact | Erased)[],
  imported: readonly (CustomerFact | Erased)[],
): (CustomerFact | Erased)[] {
  const newest = new Map(known.map((fact) => [factKey(fact), fact]));
  for (const fact of imported) {
    const before = newest.get(factKey(fact));
    if (!before || isErased(before) || isErased(fact) || before.date <= fact.date) newest.set(factKey(fact), fact);
  }
  return [...newest.values()];
}

/** Every event is a sign of life of its subject. */
const seen = (event: RecordedEvent): RowChange<CustomerActivity> =>
  CustomerActivity.change({ subject: event.subject }, (row) => alive(event, row));

/** Who a contact is, and when it was first and last heard of. */
export const profile = projection({
  name: 'profile',
  version: 5,
  tables: [Customer, CustomerActivity, CustomerTag],
  any: seen,
  on: [
    on(contact.contactRegistered, (event) => {
      const { subject, data } = event;
      const { kind, status, stage } = data;
      const owner = data.owner ?? null;
      const tags = data.tags ?? [];
      const listed = { ...unregistered, kind, status, stage, owner, tags };
      return [
        CustomerActivity.change({ subject }, (row) => ({ ...alive(event, row), ...listed })),
        Customer.change({ subject }, () => ({
          ...listed,
          subject,
          name: nameOf(data.name),
          details: detailsOf(data),
          points: listOf(data.points),
          identities: listOf(data.identities),
          attributes: isErased(data.attributes)
            ? { '': erased }
            : Object.fromEntries((data.attributes ?? []).map(({ name, content }) => [name, content])),
          facts: [],
          origin: data.origin ?? null,
        })),
      ];
    }),
    on(contact.contactDetailsUpdated, (event) =>
      ofCustomer(event, () => ({ name: nameOf(event.data.name), details: detailsOf(event.data) })),
    ),
    on(contact.contactIdentified, toStatus),
    on(contact.contactActivated, toStatus),
    on(contact.contactBlocked, toStatus),
    on(contact.contactArchived, toStatus),
    on(contact.contactRestored, toStatus),
    on(contact.contactPointAdded, (event) => {
      const { point, label, reach } = event.data;
      return ofCustomer(event, ({ points }) => ({ points: [...points, { point, label, reach }] }));
    }),
    on(contact.contactPointVerified, (event) =>
      ofCustomer(event, ({ points }) => ({
        points: points.map((one) =>
          !isErased(one) && one.point === event.data.point
            ? { ...one, verifiedAt: event.occurredAt.toISOString() }
            : one,
        ),
      })),
    ),
    on(contact.contactPointRemoved, (event) =>
      ofCustomer(event, ({ points }) => ({
        points: points.filter((one) => isErased(one) || one.point !== event.data.point),
      })),
    ),
    on(contact.contactIdentityLinked, (event) => {
      const { system, key } = event.data;
      return ofCustomer(event, ({ identities }) => ({ identities: [...identities, { system, key }] }));
    }),
    on(contact.contactOwnerAssigned, (event) => ofListed(event, () => ({ owner: event.data.owner ?? null }))),
    on(contact.contactTagged, (event) => ofListed(event, () => ({ tags: event.data.tags }))),
    on(contact.contactUntagged, (event) => ofListed(event, () => ({ tags: event.data.tags }))),
    on(contact.contactAttributeSet, (event) => {
      const { name, content } = event.data;
      return ofCustomer(event, ({ attributes }) => ({ attributes: { ...attributes, [name]: content } }));
    }),
    on(contact.contactAttributeCleared, (event) =>
      ofCustomer(event, ({ attributes }) => {
        const { [event.data.name]: _cleared, ...rest } = attributes;
        return { attributes: rest };
      }),
    ),
    on(contact.contactExternalFactsImported, (event) => {
      const { facts, source, date, licence } = event.data;
      const imported = listOf(facts).map((fact) => (isErased(fact) ? fact : { ...fact, source, date, licence }));
      return ofCustomer(event, (row) => ({ facts: withFacts(row.facts, imported) }));
    }),
    on(contact.contactLifecycleStageChanged, (event) => ofListed(event, () => ({ stage: event.data.stage }))),
    on(contact.contactMerged, (event) =>
      ofListed(event, () => ({
        status: 'merged',
        status_before: event.data.previousStatus,
        merged_into: event.data.into,
      })),
    ),
    // The contact that stays only counts.
    on(contact.contactDuplicateMerged, (event) =>
      ofListed(event, ({ merged_duplicates }) => ({ merged_duplicates: merged_duplicates + 1 })),
    ),
    on(contact.contactMergeUndone, (event) =>
      ofListed(event, ({ merged_duplicates }) => ({ merged_duplicates: merged_duplicates - 1 })),
    ),
    on(contact.contactUnmerged, (event) =>
      ofListed(event, () => ({ status: event.data.status, status_before: null, merged_into: null })),
    ),
  ],
});
