import { EVENT_COLUMNS } from './rows.js';

/** A statement that is planned once for all parameters; `index` is what it must go by, and nothing else. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Types of the parameters, for the spec that looks at the plans. */
  readonly parameters: string;
  readonly index: string;
}

const events = `select ${EVENT_COLUMNS} from store.events`;

/** Columns of an event but its data and personal fields. */
const ENVELOPE = EVENT_COLUMNS.split(', ').slice(0, -2).join(', ');

/** Whether a value has at most so many bytes. By its stored size first, as a large one is not even fetched for that. */
const isSmall = (value: string, most: string): string =>
  `pg_column_size(${value}) <= ${most} and (pg_column_compression(${value}) is null or octet_length(${value}::text) <= ${most})`;

/**
 * The rows of a read, without the data of those that have more bytes than `most`: they are read for themselves, as many
 * as a page may hold. `further` columns come after them.
 */
const page = (rows: string, order: string, most: string, further = ''): string => `
  select ${ENVELOPE},
         case when ${isSmall('data', most)} and (personal_data is null or ${isSmall('personal_data', most)}) then data end as data,
         case when ${isSmall('personal_data', most)} then personal_data end as personal_data${further}
  from (${rows}) found order by ${order}`;

/** Data and personal fields as text, taken out of their storage once, and their bytes. */
const text = `lateral (
  select data, personal_data, octet_length(data)::bigint + coalesce(octet_length(personal_data), 0) as bytes
    from (select e.data::text as data, e.personal_data::text as personal_data offset 0) taken) t`;

/** The store's reads. Arrays are unnested and probed one by one, so that no plan depends on how many there are. */
export const statements = {
  head: {
    name: 'head',
    text: `select position, recorded_at from store.events order by position desc limit 1`,
    parameters: '',
    index: 'events_pkey',
  },
  readAll: {
    name: 'read-all',
    text: page(`${events} where position > $1 and position <= $2 order by position limit $3`, 'position', '$4::int'),
    parameters: 'bigint, bigint, int, int',
    index: 'events_pkey',
  },
  // Every event of the span is looked at, without its data but where it is of the types.
  readTypes: {
    name: 'read-types',
    text: page(
      `${events} where position > $1 and position <= $2 and (type = any($3::text[]) or type ^@ any($4::text[]))
         order by position limit $5`,
      'position',
      '$6::int',
    ),
    parameters: 'bigint, bigint, text[], text[], int, int',
    index: 'events_pkey',
  },
  readStream: {
    name: 'read-stream',
    text: page(
      `${events} where aggregate = $1 and aggregate_id = $2 and revision >= $3 order by revision limit $4`,
      'revision',
      '$5::int',
    ),
    parameters: 'text, uuid, int, int, int',
    index: 'events_stream_revision',
  },
  // By the revision that comes after the position: the events after it would all be looked at, up to the last.
  readStreamThrough: {
    name: 'read-stream-through',
    text: page(
      `${events} where aggregate = $1 and aggregate_id = $2 and revision >= $3
           and revision < store.revision_after($1, $2, $4)
         order by revision limit $5`,
      'revision',
      '$6::int',
    ),
    parameters: 'text, uuid, int, bigint, int, int',
    index: 'events_stream_revision',
  },
  readStreams: {
    name: 'read-streams',
    text: page(
      `select e.*, s.n::int as n
         from unnest($1::text[], $2::uuid[], $3::int[]) with ordinality s(aggregate, id, from_revision, n)
         cross join lateral (${events} where aggregate = s.aggregate and aggregate_id = s.id
           and revision >= s.from_revision order by revision limit $4) e`,
      'n, revision',
      '$5::int',
      ', n',
    ),
    parameters: 'text[], uuid[], int[], int, int',
    index: 'events_stream_revision',
  },
  // Two parts: the events that name the subject, and those of streams whose id it is.
  readSubjects: {
    name: 'read-subjects',
    text: page(
      `select e.* from unnest($1::uuid[]) s(id) cross join lateral (
             (${events} where subject = s.id and position > $2 and position <= $3 order by subject, position limit $4)
             union all
             select own.* from store.events first cross join lateral (
                 ${events} where aggregate_id = s.id and aggregate = first.aggregate and subject is null
                   and revision >= store.revision_after(first.aggregate, s.id, $2)
                   and revision < store.revision_after(first.aggregate, s.id, $3)
                 order by revision limit $4) own
               where first.aggregate_id = s.id and first.revision = 0
           ) e order by e.position limit $4`,
      'position',
      '$5::int',
    ),
    parameters: 'uuid[], bigint, bigint, int, int',
    index: 'events_subject',
  },
  // One after the other, so that no more is fetched than a page may hold and one; the first in any case where $3 says so.
  large: {
    name: 'large',
    text: `with recursive part (n, position, data, personal_data, bytes) as (
             select 1, e.position, t.data, t.personal_data, t.bytes from store.events e, ${text}
               where e.position = ($1::bigint[])[1]
             union all
             select p.n + 1, e.position, t.data, t.personal_data, p.bytes + t.bytes
               from part p join store.events e on e.position = ($1::bigint[])[p.n + 1], ${text} where p.bytes < $2)
           select position, data, personal_data from part where bytes <= $2 or n = 1 and $3`,
    parameters: 'bigint[], bigint, bool',
    index: 'events_pkey',
  },
  revisions: {
    name: 'revisions',
    text: `select s.aggregate, s.id,
                  (select e.revision from store.events e where e.aggregate_id = s.id and e.aggregate = s.aggregate
                    order by e.revision desc limit 1)
           from unnest($1::text[], $2::uuid[]) s(aggregate, id)`,
    parameters: 'text[], uuid[]',
    index: 'events_stream_revision',
  },
  reservations: {
    name: 'reservations',
    text: `select r.scope, r.key, r.aggregate, r.aggregate_id from unnest($1::text[], $2::bytea[]) k(scope, key)
           cross join lateral (select * from store.reservations r where r.scope = k.scope and r.key = k.key) r`,
    parameters: 'text[], bytea[]',
    index: 'reservations_pkey',
  },
  receipts: {
    name: 'receipts',
    text: `select c.id, first.fingerprint, coalesce(first.subject, first.aggregate_id), first.aggregate, first.aggregate_id,
                  whole.revision, whole.position, whole.events
           from unnest($1::uuid[]) c(id)
           cross join lateral (select e.fingerprint, e.subject, e.aggregate, e.aggregate_id from store.events e
             where e.command_id = c.id and e.ordinal = 0) first
           cross join lateral (select max(e.revision) filter (where e.aggregate_id = first.aggregate_id
                 and e.aggregate = first.aggregate) as revision,
               max(e.position) as position, count(*)::int as events
             from store.events e where e.command_id = c.id) whole
           union all
           select c.id, r.fingerprint, r.subject, r.aggregate, r.aggregate_id, r.revision, r.position, 0 from unnest($1::uuid[]) c(id)
           cross join lateral (select * from store.receipts r where r.command_id = c.id) r`,
    parameters: 'uuid[]',
    index: 'events_command_ordinal',
  },
} satisfies Record<string, Statement>;
