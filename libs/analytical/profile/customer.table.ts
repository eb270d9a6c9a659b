import { z } from 'zod';
import { NumberedPoint } from '#contracts/contacts/contact.events.js';
import {
  contactDetails,
  ContactKind,
  ContactStatus,
  Identity,
  LifecycleStage,
  TypedValue,
  type DetailName,
} from '#contracts/contacts/contact-terms.js';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { orErased, type Erased } from '#platform/kernel/erased.js';
import {
  count,
  instant,
  json,
  personalJson,
  personalText,
  text,
  uuid,
} from '#platform/projections/definition/columns.js';
import { derivedTable, table, type RowOf } from '#platform/projections/definition/table.js';

const CustomerPoint = NumberedPoint.extend({
  reach: orErased(NumberedPoint.shape.reach),
  verifiedAt: Instant.optional(),
});

const { name: nameParts, ...otherDetails } = contactDetails;
const { given, family } = nameParts.shape;
/** What is known of a contact beside its name in full, which has a column of its own. */
const CustomerDetails = z.object({
  given: orErased(given.unwrap()).optional(),
  family: orErased(family.unwrap()).optional(),
  ...(Object.fromEntries(Object.entries(otherDetails).map(([name, schema]) => [name, orErased(schema).optional()])) as {
    [Name in Exclude<DetailName, 'name'>]: z.ZodOptional<z.ZodUnion<[(typeof otherDetails)[Name], typeof Erased]>>;
  }),
});
export type CustomerDetails = z.infer<typeof CustomerDetails>;
const CustomerFact = z.object({
  name: z.string(),
  content: TypedValue,
  source: z.string(),
  date: Day,
  licence: z.string(),
});
export type CustomerFact = z.infer<typeof CustomerFact>;

/** SQL: a merge concerns the contact, as one that went or as one that stayed. */
export const MERGES = `(merged_duplicates > 0 or status = 'merged')`;

/** SQL: the contact was merged into another. */
export const MERGED = 'merged_into is not null';
/** SQL: contacts were merged into this one, which is a customer. */
export const SURVIVES = `merged_duplicates > 0 and status <> 'merged'`;

const owned = 'owner is not null';

/** What lists are filtered by. */
const listed = {
  kind: text(ContactKind),
  status: text(ContactStatus),
  status_before: text(ContactStatus)
    .nullable()
    .describe('Of a merged contact: its status before that, and again if it is undone'),
  stage: text(LifecycleStage),
  owner: text().nullable(),
  merged_duplicates: count().describe('How many contacts were merged into this one'),
  merged_into: uuid().nullable().describe('Of a merged contact: the one that it was merged into'),
  tags: json(z.array(z.string())),
};

export const Customer = table('customers', {
  about: 'The profile of a contact, under its own id also after a merge',
  columns: {
    ...listed,
    // Empty when none is known, so that pages by name have no gap.
    name: personalText()
      .describe('The name in full; null where none is known')
      .shown(orErased(z.string()).nullable(), (name) => `nullif(${name}, '')`),
    // As the contact's details have them.
    details: personalJson(CustomerDetails).describe('Parts of the name, birth date, language and the like'),
    // Of an erased list nobody knows how long it was: one `erased` stands for it.
    points: personalJson(z.array(orErased(CustomerPoint))),
    identities: personalJson(z.array(orErased(Identity.extend({ key: orErased(Identity.shape.key) })))),
    // `erased` beside the names: of attributes whose names were erased too.
    attributes: personalJson(z.record(z.string(), orErased(TypedValue))),
    facts: personalJson(z.array(orErased(CustomerFact))).describe('What others say of the customer'),
    origin: text().nullable(),
  },
  indexes: [
    { columns: ['name', 'subject'], where: `status <> 'merged'` },
    ['kind', 'status', 'stage', 'subject'],
    ['kind', 'status', 'stage', 'name', 'subject'],
    { columns: ['owner', 'subject'], where: owned },
    { columns: ['owner', 'name', 'subject'], where: owned },
    // Whom a merge concerns: mostly few.
    { columns: ['kind', 'status', 'stage', 'subject'], where: MERGES },
    { columns: ['owner', 'subject'], where: `${owned} and ${MERGES}` },
    { columns: ['status_before', 'subject'], where: 'status_before is not null' },
    // Of merged contacts: whose they are, by what lists are filtered by.
    ...(['kind', 'status_before', 'stage', 'owner'] as const).map((filter) => ({
      columns: [filter, 'merged_into'] as const,
      where: MERGED,
    })),
    { columns: ['merged_into', 'subject'], where: MERGED },
    // Whose they are that are merged themselves, and had duplicates: few.
    { columns: ['subject', 'merged_into'], where: `${MERGED} and merged_duplicates > 0` },
    { columns: ['subject'], where: SURVIVES },
    { columns: ['name', 'subject'], where: SURVIVES },
  ],
});
export type Customer = RowOf<typeof Customer>;

/**
 * What lists by recency are filtered by, too: a list finds a page in one index only when the order and the filter stand
 * in one table. A table of its own, as every event may move it: narrow, with few indexes. A walk-in order has a row in
 * none of the indexes.
 */
export const CustomerActivity = table('customer_activity', {
  about: 'When a subject was first and last heard of; beside it what stands in customers, null of who never registered',
  columns: {
    first_seen_at: instant().describe('Business time of the earliest event about the subject, whatever its stream'),
    last_event_at: instant().describe('Business time of the latest event about the subject, whatever its stream'),
    ...listed,
    kind: listed.kind.nullable(),
    status: listed.status.nullable(),
    stage: listed.stage.nullable(),
  },
  indexes: [
    { columns: ['last_event_at', 'subject'], where: `status <> 'merged'` },
    { columns: ['kind', 'status', 'stage', 'last_event_at', 'subject'], where: 'kind is not null' },
    { columns: ['owner', 'last_event_at', 'subject'], where: owned },
    { columns: ['last_event_at', 'subject'], where: SURVIVES },
  ],
});
export type CustomerActivity = RowOf<typeof CustomerActivity>;

// A page of those who have a tag, by id or name, is a stretch of one index. Not by recency: each event of a customer would
// move a row for each of its tags (ADR 35).
export const CustomerTag = derivedTable('customer_tags', {
  about: 'Who has a tag, by name',
  from: Customer,
  columns: { tag: text().key(), name: personalText(), merged_into: listed.merged_into },
  indexes: [['tag', 'subject'], ['tag', 'name', 'subject'], { columns: ['tag', 'merged_into'], where: MERGED }],
  rows: ({ tags, name, merged_into }) => tags.map((tag) => ({ tag, name, merged_into })),
});
