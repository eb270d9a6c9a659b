import type { Migration } from '#platform/postgres/migrations.js';

/** Key of the advisory lock under which positions are taken: one appender at a time, for as long as its commit takes. */
export const APPEND_LOCK = 7_961_641;
/** Channel on which a commit tells its last position. */
export const CHANNEL = 'yad_events';

export const storeMigrations: readonly Migration[] = [
  {
    name: 'store/0001-events',
    sql: `
create schema store;

create table store.events (
  position       bigint      primary key,
  stream         text        collate "C" not null,
  revision       integer     not null check (revision >= 0),
  id             uuid        not null,
  type           text        collate "C" not null,
  schema_version smallint    not null,
  occurred_at    timestamptz not null,
  recorded_at    timestamptz not null,
  subject        uuid        not null,
  command_id     uuid        not null,
  ordinal        smallint    not null,
  fingerprint    bytea,
  meta           json        not null,
  data           json        not null,
  sealed         json,
  constraint events_stream_revision unique (stream, revision),
  constraint events_command_ordinal unique (command_id, ordinal)
);
create index events_subject on store.events (subject, position);

comment on table store.events is 'The log: the only truth. Never updated, never deleted.';
comment on column store.events.position is 'Total order without holes, taken under the append lock.';
comment on column store.events.fingerprint is 'Tells a repeated command from another body under the same key; with command_id and ordinal it is the receipt.';
comment on column store.events.sealed is 'Personal fields, apart from data.';

-- Answers of commands that decided no event; all others have their receipt in the log itself.
create table store.receipts (
  command_id  uuid    primary key,
  fingerprint bytea,
  stream      text    collate "C" not null,
  revision    integer not null,
  position    bigint  not null
);

create function store.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'events are never changed: % on store.% refused', tg_op, tg_table_name using errcode = 'YD403';
end $$;
create trigger events_are_immutable before update or delete or truncate on store.events
  for each statement execute function store.refuse_change();
create trigger receipts_are_immutable before update or delete or truncate on store.receipts
  for each statement execute function store.refuse_change();

-- Appends the events of many commands at once, or nothing. Raises unique_violation where a revision is taken or a
-- command is known, and YD409 where a revision to follow is missing or a command has a receipt.
create function store.append(
  p_now timestamptz,
  p_after_streams text[], p_after_revisions int[],
  p_streams text[], p_revisions int[], p_ids uuid[], p_types text[], p_schema_versions int2[],
  p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_sealeds json[]
) returns table (first_position bigint, recorded timestamptz) language plpgsql as $$
declare
  last_position bigint;
  last_recorded timestamptz;
begin
  -- Held until the commit is done, so positions become visible in their own order: no reader can pass over one.
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  -- A statement of its own, so its snapshot is taken after the lock and sees the commit before ours.
  select e.position, e.recorded_at into last_position, last_recorded
    from store.events e order by e.position desc limit 1;
  last_position := coalesce(last_position, 0);
  -- A clock that steps back must not order two events otherwise than their positions do.
  last_recorded := greatest(last_recorded, p_now);

  -- Scalar subqueries: each is one probe of an index, whatever the planner thinks of the arrays.
  if exists (select 1 from unnest(p_command_ids) c(id)
             where (select true from store.receipts r where r.command_id = c.id)) then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;

  insert into store.events
    (position, stream, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, sealed)
  select last_position + n, stream, revision, id, type, schema_version, occurred_at, last_recorded, subject,
     command_id, ordinal, fingerprint, meta, data, sealed
  from unnest(p_streams, p_revisions, p_ids, p_types, p_schema_versions, p_occurred_ats, p_subjects,
              p_command_ids, p_ordinals, p_fingerprints, p_metas, p_datas, p_sealeds) with ordinality
    as u(stream, revision, id, type, schema_version, occurred_at, subject,
         command_id, ordinal, fingerprint, meta, data, sealed, n);

  -- After the insert, so that a predecessor within this batch counts.
  if cardinality(p_after_streams) > 0
     and exists (select 1 from unnest(p_after_streams, p_after_revisions) a(stream, revision)
             where (select e.revision from store.events e
                    where e.stream = a.stream and e.revision = a.revision) is null) then
    raise exception 'a revision to follow is missing' using errcode = 'YD409';
  end if;

  perform pg_notify('${CHANNEL}', (last_position + cardinality(p_streams))::text);
  first_position := last_position + 1;
  recorded := last_recorded;
  return next;
end $$;

-- Last position recorded at or before an instant: recorded_at never decreases, so halving finds it.
create function store.position_at(p_at timestamptz) returns bigint language plpgsql stable as $$
declare
  low bigint := 0;
  high bigint := coalesce((select max(position) from store.events), 0);
  middle bigint;
begin
  while low < high loop
    middle := (low + high + 1) / 2;
    if (select recorded_at from store.events where position = middle) <= p_at then low := middle;
    else high := middle - 1;
    end if;
  end loop;
  return low;
end $$;
`,
  },
  {
    // By subscript, which is O(1) in a function's array parameters (plpgsql expands them), in place of unnest: a tuple
    // store for each of thirteen columns was two thirds of what a batch of one cost.
    name: 'store/0002-append-by-subscript',
    sql: `
create or replace function store.append(
  p_now timestamptz,
  p_after_streams text[], p_after_revisions int[],
  p_streams text[], p_revisions int[], p_ids uuid[], p_types text[], p_schema_versions int2[],
  p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_sealeds json[]
) returns table (first_position bigint, recorded timestamptz) language plpgsql as $$
declare
  last_position bigint;
  last_recorded timestamptz;
  appended int := cardinality(p_streams);
begin
  -- Held until the commit is done, so positions become visible in their own order: no reader can pass over one.
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  -- A statement of its own, so its snapshot is taken after the lock and sees the commit before ours.
  select e.position, e.recorded_at into last_position, last_recorded
    from store.events e order by e.position desc limit 1;
  last_position := coalesce(last_position, 0);
  -- A clock that steps back must not order two events otherwise than their positions do.
  last_recorded := greatest(last_recorded, p_now);

  if exists (select 1 from store.receipts r where r.command_id = any (p_command_ids)) then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;

  insert into store.events
    (position, stream, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, sealed)
  select last_position + n, p_streams[n], p_revisions[n], p_ids[n], p_types[n], p_schema_versions[n],
     p_occurred_ats[n], last_recorded, p_subjects[n], p_command_ids[n], p_ordinals[n], p_fingerprints[n],
     p_metas[n], p_datas[n], p_sealeds[n]
  from generate_series(1, appended) n;

  -- After the insert, so that a predecessor within this batch counts. A scalar subquery is one probe of the index,
  -- whatever the planner thinks of the arrays.
  if cardinality(p_after_streams) > 0
     and exists (select 1 from generate_series(1, cardinality(p_after_streams)) n
             where (select e.revision from store.events e
                    where e.stream = p_after_streams[n] and e.revision = p_after_revisions[n]) is null) then
    raise exception 'a revision to follow is missing' using errcode = 'YD409';
  end if;

  perform pg_notify('${CHANNEL}', (last_position + appended)::text);
  first_position := last_position + 1;
  recorded := last_recorded;
  return next;
end $$;
`,
  },
  {
    name: 'store/0003-streams-looked-at',
    sql: `
drop function store.append(timestamptz, text[], int[], text[], int[], uuid[], text[], int2[], timestamptz[], uuid[],
  uuid[], int2[], bytea[], json[], json[], json[]);

create function store.append(
  p_now timestamptz,
  p_after_streams text[], p_after_revisions int[],
  p_streams text[], p_revisions int[], p_ids uuid[], p_types text[], p_schema_versions int2[],
  p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_sealeds json[],
  p_absent_streams text[], p_absent_revisions int[]
) returns table (first_position bigint, recorded timestamptz) language plpgsql as $$
declare
  last_position bigint;
  last_recorded timestamptz;
  appended int := cardinality(p_streams);
begin
  -- Held until the commit is done, so positions become visible in their own order: no reader can pass over one.
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  -- A statement of its own, so its snapshot is taken after the lock and sees the commit before ours.
  select e.position, e.recorded_at into last_position, last_recorded
    from store.events e order by e.position desc limit 1;
  last_position := coalesce(last_position, 0);
  -- A clock that steps back must not order two events otherwise than their positions do.
  last_recorded := greatest(last_recorded, p_now);

  if exists (select 1 from store.receipts r where r.command_id = any (p_command_ids)) then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;

  -- What a decision looked at must be as it was. Before the insert: what this batch itself brings was decided after.
  if cardinality(p_absent_streams) > 0
     and exists (select 1 from generate_series(1, cardinality(p_absent_streams)) n
             where (select e.revision from store.events e
                    where e.stream = p_absent_streams[n] and e.revision = p_absent_revisions[n]) is not null) then
    raise exception 'a stream that was looked at has moved on' using errcode = 'YD409';
  end if;

  insert into store.events
    (position, stream, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, sealed)
  select last_position + n, p_streams[n], p_revisions[n], p_ids[n], p_types[n], p_schema_versions[n],
     p_occurred_ats[n], last_recorded, p_subjects[n], p_command_ids[n], p_ordinals[n], p_fingerprints[n],
     p_metas[n], p_datas[n], p_sealeds[n]
  from generate_series(1, appended) n;

  -- After the insert, so that a predecessor within this batch counts. A scalar subquery is one probe of the index,
  -- whatever the planner thinks of the arrays.
  if cardinality(p_after_streams) > 0
     and exists (select 1 from generate_series(1, cardinality(p_after_streams)) n
             where (select e.revision from store.events e
                    where e.stream = p_after_streams[n] and e.revision = p_after_revisions[n]) is null) then
    raise exception 'a revision to follow is missing' using errcode = 'YD409';
  end if;

  perform pg_notify('${CHANNEL}', (last_position + appended)::text);
  first_position := last_position + 1;
  recorded := last_recorded;
  return next;
end $$;

-- Keeps the answer of a command without events, unless the command is known; tells whether it was kept. Under the
-- lock, so that of a command's two answers, one with events and one without, only the first is ever given.
create function store.keep_receipt(
  p_command_id uuid, p_fingerprint bytea, p_stream text, p_revision int, p_position bigint
) returns boolean language plpgsql as $$
begin
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  insert into store.receipts (command_id, fingerprint, stream, revision, position)
  select p_command_id, p_fingerprint, p_stream, p_revision, p_position
   where not exists (select from store.events e where e.command_id = p_command_id)
  on conflict do nothing;
  return found;
end $$;
`,
  },
  {
    // Without the notification, which CommitNotifier sends beside the commit, and with one statement less.
    name: 'store/0004-append-without-notify',
    sql: `
create or replace function store.append(
  p_now timestamptz,
  p_after_streams text[], p_after_revisions int[],
  p_streams text[], p_revisions int[], p_ids uuid[], p_types text[], p_schema_versions int2[],
  p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_sealeds json[],
  p_absent_streams text[], p_absent_revisions int[]
) returns table (first_position bigint, recorded timestamptz) language plpgsql as $$
declare
  last_position bigint;
  last_recorded timestamptz;
  is_known boolean;
begin
  -- Held until the commit is done, so positions become visible in their own order: no reader can pass over one.
  perform pg_advisory_xact_lock(${APPEND_LOCK});
  -- A statement of its own, so its snapshot is taken after the lock and sees the commit before ours. Scalar
  -- subqueries: each is one probe of an index, also where the log is empty.
  select (select e.position from store.events e order by e.position desc limit 1),
         (select e.recorded_at from store.events e order by e.position desc limit 1),
         exists (select from store.receipts r where r.command_id = any (p_command_ids))
    into last_position, last_recorded, is_known;
  if is_known then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;
  last_position := coalesce(last_position, 0);
  -- A clock that steps back must not order two events otherwise than their positions do.
  last_recorded := greatest(last_recorded, p_now);

  -- What a decision looked at must be as it was. Before the insert: what this batch itself brings was decided after.
  if cardinality(p_absent_streams) > 0
     and exists (select 1 from generate_series(1, cardinality(p_absent_streams)) n
             where (select e.revision from store.events e
                    where e.stream = p_absent_streams[n] and e.revision = p_absent_revisions[n]) is not null) then
    raise exception 'a stream that was looked at has moved on' using errcode = 'YD409';
  end if;

  insert into store.events
    (position, stream, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, sealed)
  select last_position + n, p_streams[n], p_revisions[n], p_ids[n], p_types[n], p_schema_versions[n],
     p_occurred_ats[n], last_recorded, p_subjects[n], p_command_ids[n], p_ordinals[n], p_fingerprints[n],
     p_metas[n], p_datas[n], p_sealeds[n]
  from generate_series(1, cardinality(p_streams)) n;

  -- After the insert, so that a predecessor within this batch counts. A scalar subquery is one probe of the index,
  -- whatever the planner thinks of the arrays.
  if cardinality(p_after_streams) > 0
     and exists (select 1 from generate_series(1, cardinality(p_after_streams)) n
             where (select e.revision from store.events e
                    where e.stream = p_after_streams[n] and e.revision = p_after_revisions[n]) is null) then
    raise exception 'a revision to follow is missing' using errcode = 'YD409';
  end if;

  first_position := last_position + 1;
  recorded := last_recorded;
  return next;
end $$;
`,
  },
  {
    // A stream is kept as what its name is made of, whose index is smaller and compared faster, and the subject only
    // where it is another's id: most events are about the aggregate that they are of, and an index in whose leaves
    // each of them lands at random is a fifth of what an append costs.
    name: 'store/0005-own-subjects-unindexed',
    sql: `
drop function store.append(timestamptz, text[], int[], text[], int[], uuid[], text[], int2[], timestamptz[], uuid[],
  uuid[], int2[], bytea[], json[], json[], json[], text[], int[]);
alter table store.events rename to events_before;

-- Without check constraints: their text is parsed anew for each statement, which is felt in batches of one.
create table store.events (
  position       bigint      not null,
  aggregate      text        collate "C" not null,
  aggregate_id   uuid        not null,
  revision       integer     not null,
  id             uuid        not null,
  type           text        collate "C" not null,
  schema_version smallint    not null,
  occurred_at    timestamptz not null,
  recorded_at    timestamptz not null,
  subject        uuid,
  command_id     uuid        not null,
  ordinal        smallint    not null,
  fingerprint    bytea,
  meta           json        not null,
  data           json        not null,
  sealed         json
);
insert into store.events
select position, left(stream, -37), right(stream, 36)::uuid, revision, id, type, schema_version, occurred_at,
       recorded_at, nullif(subject, right(stream, 36)::uuid), command_id, ordinal, fingerprint, meta, data, sealed
  from store.events_before order by position;
drop table store.events_before;

alter table store.events add constraint events_pkey primary key (position);
alter table store.events add constraint events_stream_revision unique (aggregate_id, revision, aggregate);
alter table store.events add constraint events_command_ordinal unique (command_id, ordinal);
create index events_subject on store.events (subject, position) where subject is not null;
create trigger events_are_immutable before update or delete or truncate on store.events
  for each statement execute function store.refuse_change();

comment on table store.events is 'The log: the only truth. Never updated, never deleted.';
comment on column store.events.position is 'Total order without holes, taken under the append lock.';
comment on column store.events.aggregate_id is 'With aggregate, the stream: <aggregate>-<aggregate_id>.';
comment on column store.events.subject is 'The customer it is about; null where that is aggregate_id itself.';
comment on column store.events.fingerprint is 'Tells a repeated command from another body under the same key; with command_id and ordinal it is the receipt.';
comment on column store.events.sealed is 'Personal fields, apart from data.';

-- Appends the events of many commands at once, or nothing. Raises unique_violation where a revision is taken or a
-- command is known, and YD409 where a command has a receipt, or a revision is not as expected: there or not there.
-- Gives the first position and the time of record, in microseconds since 1970: an array, as the names of result columns
-- would be looked up for each call.
create function store.append(
  p_now timestamptz,
  p_expected_aggregates text[], p_expected_ids uuid[], p_expected_revisions int[], p_expected_there bool[],
  p_aggregates text[], p_aggregate_ids uuid[], p_revisions int[], p_ids uuid[], p_types text[],
  p_schema_versions int2[], p_occurred_ats timestamptz[], p_subjects uuid[], p_command_ids uuid[], p_ordinals int2[],
  p_fingerprints bytea[], p_metas json[], p_datas json[], p_sealeds json[]
) returns bigint[] language plpgsql as $$
declare
  last_position bigint;
  last_recorded timestamptz;
  is_known boolean;
begin
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
  last_position := coalesce(last_position, 0);
  -- A clock that steps back must not order two events otherwise than their positions do.
  last_recorded := greatest(last_recorded, p_now);

  -- The revisions that events follow must be there, and what a decision looked at must not have moved on. Before the
  -- insert: what this batch itself brings was decided after. A scalar subquery is one probe of the index, whatever
  -- the planner thinks of the arrays.
  if cardinality(p_expected_ids) > 0
     and exists (select 1 from generate_series(1, cardinality(p_expected_ids)) n
             where p_expected_there[n] <> ((select e.revision from store.events e
                    where e.aggregate_id = p_expected_ids[n] and e.revision = p_expected_revisions[n]
                      and e.aggregate = p_expected_aggregates[n]) is not null)) then
    raise exception 'a revision is not as expected' using errcode = 'YD409';
  end if;

  insert into store.events
    (position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, sealed)
  select last_position + n, p_aggregates[n], p_aggregate_ids[n], p_revisions[n], p_ids[n], p_types[n],
     p_schema_versions[n], p_occurred_ats[n], last_recorded, nullif(p_subjects[n], p_aggregate_ids[n]),
     p_command_ids[n], p_ordinals[n], p_fingerprints[n], p_metas[n], p_datas[n], p_sealeds[n]
  from generate_series(1, cardinality(p_aggregate_ids)) n;

  return array[last_position + 1, (extract(epoch from last_recorded) * 1000000)::bigint];
end $$;

-- Appends one event that follows what is stored for sure: store.append for a batch of one, without nineteen arrays to
-- take apart.
create function store.append_one(
  p_now timestamptz, p_aggregate text, p_aggregate_id uuid, p_revision int, p_id uuid, p_type text,
  p_schema_version int2, p_occurred_at timestamptz, p_subject uuid, p_command_id uuid, p_ordinal int2,
  p_fingerprint bytea, p_meta json, p_data json, p_sealed json
) returns bigint[] language plpgsql as $$
declare
  taken bigint;
  recorded timestamptz;
begin
  if pg_advisory_xact_lock(${APPEND_LOCK}) is null then end if;
  insert into store.events
    (position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at, recorded_at, subject,
     command_id, ordinal, fingerprint, meta, data, sealed)
  select coalesce(last.position, 0) + 1, p_aggregate, p_aggregate_id, p_revision, p_id, p_type, p_schema_version,
     p_occurred_at, greatest(last.recorded_at, p_now), nullif(p_subject, p_aggregate_id), p_command_id, p_ordinal,
     p_fingerprint, p_meta, p_data, p_sealed
  from (select) one left join lateral
       (select e.position, e.recorded_at from store.events e order by e.position desc limit 1) last on true
  where not exists (select from store.receipts r where r.command_id = p_command_id)
  returning position, recorded_at into taken, recorded;
  if taken is null then
    raise exception 'a command has a receipt' using errcode = 'YD409';
  end if;
  return array[taken, (extract(epoch from recorded) * 1000000)::bigint];
end $$;

-- First revision of a stream after a position; one past its last where there is none. Positions rise with the
-- revisions of a stream, so halving finds it: a page of a long stream costs no more than one of a short stream.
create function store.revision_after(p_aggregate text, p_aggregate_id uuid, p_position bigint)
returns int language plpgsql stable as $$
declare
  low int := 0;
  high int;
  middle int;
begin
  high := coalesce((select e.revision + 1 from store.events e
                    where e.aggregate_id = p_aggregate_id and e.aggregate = p_aggregate
                    order by e.revision desc limit 1), 0);
  while low < high loop
    middle := (low + high) / 2;
    if (select e.position from store.events e
         where e.aggregate_id = p_aggregate_id and e.revision = middle and e.aggregate = p_aggregate) > p_position
    then high := middle;
    else low := middle + 1;
    end if;
  end loop;
  return low;
end $$;
`,
  },
];
