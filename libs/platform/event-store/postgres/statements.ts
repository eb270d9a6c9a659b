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
    text: `${events} where position > $1 and position <= $2 order by position limit $3`,
    parameters: 'bigint, bigint, int',
    index: 'events_pkey',
  },
  readStream: {
    name: 'read-stream',
    text: `${events} where aggregate = $1 and aggregate_id = $2 and revision >= $3 and position <= $4
           order by revision limit $5`,
    parameters: 'text, uuid, int, bigint, int',
    index: 'events_stream_revision',
  },
  // Two parts: the events that name the subject, and those of streams whose id it is.
  readSubjects: {
    name: 'read-subjects',
    text: `select e.* from unnest($1::uuid[]) s(id) cross join lateral (
             (${events} where subject = s.id and position > $2 and position <= $3 order by subject, position limit $4)
             union all
             select own.* from store.events first cross join lateral (
                 ${events} where aggregate_id = s.id and aggregate = first.aggregate and subject is null
                   and revision >= store.revision_after(first.aggregate, s.id, $2)
                   and revision < store.revision_after(first.aggregate, s.id, $3)
                 order by revision limit $4) own
               where first.aggregate_id = s.id and first.revision = 0
           ) e order by e.position limit $4`,
    parameters: 'uuid[], bigint, bigint, int',
    index: 'events_subject',
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
    text: `select c.id, first.fingerprint, first.aggregate || '-' || first.aggregate_id, whole.revision, whole.position,
                  whole.events
           from unnest($1::uuid[]) c(id)
           cross join lateral (select e.fingerprint, e.aggregate, e.aggregate_id from store.events e
             where e.command_id = c.id and e.ordinal = 0) first
           cross join lateral (select max(e.revision) filter (where e.aggregate_id = first.aggregate_id
                 and e.aggregate = first.aggregate) as revision,
               max(e.position) as position, count(*)::int as events
             from store.events e where e.command_id = c.id) whole
           union all
           select c.id, r.fingerprint, r.stream, r.revision, r.position, 0 from unnest($1::uuid[]) c(id)
           cross join lateral (select * from store.receipts r where r.command_id = c.id) r`,
    parameters: 'uuid[]',
    index: 'events_command_ordinal',
  },
} satisfies Record<string, Statement>;
