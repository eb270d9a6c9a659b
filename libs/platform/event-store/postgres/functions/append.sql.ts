import { APPEND_LOCK } from '../names.js';

/** How far the clocks of an app and of the database may be apart before appends are refused. */
const CLOCKS_APART = '5 minutes';

/** Refuses an append whose app has another time than the database. */
const clocks = `
  -- One of the two is wrong, and nobody here can tell which: what is recorded now would be dated wrongly for good.
  if p_recorded is null and abs(extract(epoch from clock_timestamp() - p_now)) > extract(epoch from interval '${CLOCKS_APART}') then
    raise exception 'the clocks of this app (%) and of the database (%) are apart', p_now, clock_timestamp()
      using errcode = 'YD503';
  end if;`;

/**
 * The time of record comes from the database's clock, to the millisecond, so that it does not matter which process
 * appends. A clock that steps back must not order two events otherwise than their positions do.
 */
const recordedNow = `coalesce(p_recorded, date_trunc('milliseconds', clock_timestamp()))`;

/** Where an incarnation has no event yet, its first position follows the one before its own start. */
const firstOfIncarnation = `(select i.begins_at from store.incarnations i order by i.number desc limit 1) - 1`;

const append = `
-- Appends the events of many commands at once, or nothing. Raises unique_violation where a revision is taken or a
-- command is known, and YD409 where a command has a receipt, or a revision is not as expected: there or not there.
-- Gives the first position and the time of record, in microseconds since 1970: an array, as the names of result columns
-- would be looked up for each call. p_recorded: the time of record instead of the database's own, for specs.
create function store.append(
  p_now timestamptz, p_recorded timestamptz,
  p_expected_aggregates text[], p_expected_ids uuid[], p_expected_revisions int[], p_expected_there bool[],
  p_aggregates text[], p_aggregate_ids uuid[], p_revisions int[], p_ids uuid[], p_types text[],
  p_schema_versions int2[], p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_personal_datas json[]
) returns bigint[] language plpgsql as $$
declare
  last_position bigint;
  last_recorded timestamptz;
  is_known boolean;
begin
  ${clocks}
  -- Held until the commit is done, so positions become visible in their own order: no reader can pass over one.
  -- An expression, which costs a fraction of what a statement does.
  if pg_advisory_xact_lock(${APPEND_LOCK}) is null then end if;
  -- A statement of its own, so its snapshot is taken after the lock and sees the commit before ours. Scalar
  -- subqueries: each is one probe of an index, also where the log is empty.
  select (select e.position from store.events e order by e.position desc limit 1),
         (select e.recorded_at from store.events e order by e.position desc limit 1),
         exists (select from store.receipts r where r.command_id = any (p_command_ids))
    into last_position, last_recorded, is_known;
  if is_known then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;
  last_position := greatest(last_position, ${firstOfIncarnation});
  last_recorded := greatest(last_recorded, ${recordedNow});

  -- The revisions that events follow and that decisions saw must be there, and those that would tell of a change must
  -- not. Before the insert: what this batch itself brings was decided after. A scalar subquery is one probe of the
  -- index, whatever the planner thinks of the arrays.
  if cardinality(p_expected_ids) > 0
     and exists (select 1 from generate_series(1, cardinality(p_expected_ids)) n
             where p_expected_there[n] <> ((select e.revision from store.events e
                    where e.aggregate_id = p_expected_ids[n] and e.revision = p_expected_revisions[n]
                      and e.aggregate = p_expected_aggregates[n]) is not null)) then
    raise exception 'a revision is not as expected' using errcode = 'YD409';
  end if;

  insert into store.events
    (position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, personal_data)
  select last_position + n, p_aggregates[n], p_aggregate_ids[n], p_revisions[n], p_ids[n], p_types[n],
     p_schema_versions[n], p_occurred_ats[n], last_recorded, nullif(p_subjects[n], p_aggregate_ids[n]),
     p_command_ids[n], p_ordinals[n], p_fingerprints[n], p_metas[n], p_datas[n], p_personal_datas[n]
  from generate_series(1, cardinality(p_aggregate_ids)) n;

  return array[last_position + 1, (extract(epoch from last_recorded) * 1000000)::bigint];
end $$;`;

const appendOne = `
-- Appends one event that follows what is stored for sure: store.append for a batch of one, without its arrays to take
-- apart.
create function store.append_one(
  p_now timestamptz, p_recorded timestamptz, p_aggregate text, p_aggregate_id uuid, p_revision int, p_id uuid,
  p_type text, p_schema_version int2, p_occurred_at timestamptz, p_subject uuid, p_command_id uuid, p_ordinal int2,
  p_fingerprint bytea, p_meta json, p_data json, p_personal_data json
) returns bigint[] language plpgsql as $$
declare
  taken bigint;
  recorded timestamptz;
begin
  ${clocks}
  if pg_advisory_xact_lock(${APPEND_LOCK}) is null then end if;
  insert into store.events
    (position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, personal_data)
  select greatest(last.position, ${firstOfIncarnation}) + 1, p_aggregate, p_aggregate_id, p_revision, p_id, p_type,
     p_schema_version, p_occurred_at, greatest(last.recorded_at, ${recordedNow}), nullif(p_subject, p_aggregate_id),
     p_command_id, p_ordinal, p_fingerprint, p_meta, p_data, p_personal_data
  from (select) one left join lateral
       (select e.position, e.recorded_at from store.events e order by e.position desc limit 1) last on true
  where not exists (select from store.receipts r where r.command_id = p_command_id)
  returning position, recorded_at into taken, recorded;
  if taken is null then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;
  return array[taken, (extract(epoch from recorded) * 1000000)::bigint];
end $$;`;

const appendReserving = `
-- store.append, with keys that are reserved for streams in the same transaction. A key that another stream has raises
-- YD409; one that the same stream has already is no clash.
create function store.append_reserving(
  p_scopes text[], p_keys bytea[], p_key_aggregates text[], p_key_ids uuid[],
  p_now timestamptz, p_recorded timestamptz,
  p_expected_aggregates text[], p_expected_ids uuid[], p_expected_revisions int[], p_expected_there bool[],
  p_aggregates text[], p_aggregate_ids uuid[], p_revisions int[], p_ids uuid[], p_types text[],
  p_schema_versions int2[], p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_personal_datas json[]
) returns bigint[] language plpgsql as $$
declare
  appended bigint[];
begin
  -- Takes the lock: no other reservation can come between the two statements below.
  appended := store.append(p_now, p_recorded, p_expected_aggregates, p_expected_ids, p_expected_revisions,
    p_expected_there, p_aggregates, p_aggregate_ids, p_revisions, p_ids, p_types, p_schema_versions, p_occurred_ats,
    p_subjects, p_command_ids, p_ordinals, p_fingerprints, p_metas, p_datas, p_personal_datas);
  insert into store.reservations (scope, key, aggregate, aggregate_id)
  select p_scopes[n], p_keys[n], p_key_aggregates[n], p_key_ids[n] from generate_series(1, cardinality(p_keys)) n
  on conflict (scope, key) do nothing;
  if exists (select 1 from generate_series(1, cardinality(p_keys)) n
       where (select r.aggregate || r.aggregate_id from store.reservations r
               where r.scope = p_scopes[n] and r.key = p_keys[n])
             is distinct from p_key_aggregates[n] || p_key_ids[n]) then
    raise exception 'a key is reserved for another stream' using errcode = 'YD409';
  end if;
  return appended;
end $$;`;

const keepReceipt = `
-- Keeps the answer of a command without events, unless the command is known; tells whether it was kept. Under the
-- lock, so that of a command's two answers, one with events and one without, only the first is ever given.
create function store.keep_receipt(
  p_command_id uuid, p_fingerprint bytea, p_subject uuid, p_aggregate text, p_aggregate_id uuid, p_revision int,
  p_position bigint
) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  insert into store.receipts (command_id, fingerprint, subject, aggregate, aggregate_id, revision, position)
  select p_command_id, p_fingerprint, p_subject, p_aggregate, p_aggregate_id, p_revision, p_position
   where not exists (select from store.events e where e.command_id = p_command_id)
  on conflict do nothing;
  return found;
end $$;`;

export const appendFunctions = [append, appendOne, appendReserving, keepReceipt].join('\n');
