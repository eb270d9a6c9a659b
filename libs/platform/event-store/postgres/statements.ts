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
    text: `${events} where stream = $1 and revision >= $2 and position <= $3 order by revision limit $4`,
    parameters: 'text, int, bigint, int',
    index: 'events_stream_revision',
  },
  readSubjects: {
    name: 'read-subjects',
    text: `select e.* from unnest($1::uuid[]) s(subject) cross join lateral (
             ${events} where subject = s.subject and position > $2 and position <= $3 order by subject, position limit $4
           ) e order by e.position limit $4`,
    parameters: 'uuid[], bigint, bigint, int',
    index: 'events_subject',
  },
  revisions: {
    name: 'revisions',
    text: `select s.stream,
                  (select e.revision from store.events e where e.stream = s.stream order by e.revision desc limit 1)
           from unnest($1::text[]) s(stream)`,
    parameters: 'text[]',
    index: 'events_stream_revision',
  },
  receipts: {
    name: 'receipts',
    text: `select c.id, first.fingerprint, first.stream, whole.revision, whole.position, whole.events
           from unnest($1::uuid[]) c(id)
           cross join lateral (select e.fingerprint, e.stream from store.events e
             where e.command_id = c.id and e.ordinal = 0) first
           cross join lateral (select max(e.revision) filter (where e.stream = first.stream) as revision,
               max(e.position) as position, count(*)::int as events
             from store.events e where e.command_id = c.id) whole
           union all
           select c.id, r.fingerprint, r.stream, r.revision, r.position, 0 from unnest($1::uuid[]) c(id)
           cross join lateral (select * from store.receipts r where r.command_id = c.id) r`,
    parameters: 'uuid[]',
    index: 'events_command_ordinal',
  },
} satisfies Record<string, Statement>;
