import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';
import { snapshotMigration } from './snapshots/snapshots.migration.js';

/** Bookkeeping of the projection runtime. Rows of read models live in a schema per build, `rm_<projection>_g<n>`. */
const migrations: readonly Migration[] = [
  {
    name: 'projections/0001-bookkeeping',
    sql: `
create schema if not exists projections;
create schema if not exists analytics;

create table projections.settings (
  id int primary key default 1 check (id = 1),
  partitions int not null
);
comment on column projections.settings.partitions is 'Of the bus, for good: checkpoints are by partition.';

create table projections.builds (
  projection text collate "C" not null,
  generation int not null,
  version int not null,
  schema text not null,
  status text not null check (status in ('building', 'live', 'previous', 'scratch', 'failed', 'dropped')),
  note text,
  created_at timestamptz not null default now(),
  live_at timestamptz,
  primary key (projection, generation)
);
create unique index builds_live on projections.builds (projection) where status = 'live';

create table projections.checkpoints (
  projection text collate "C" not null,
  generation int not null,
  partition int not null,
  position bigint not null,
  epoch int not null,
  primary key (projection, generation, partition)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
comment on column projections.checkpoints.position is 'Every event of the partition at or below it is in the rows (or parked).';
comment on column projections.checkpoints.epoch is 'Raised by every operation that changes what writers hold in memory; their next write then fails.';

create table projections.dead_letters (
  projection text collate "C" not null,
  generation int not null,
  position bigint not null,
  subject text collate "C" not null,
  event_id text not null,
  event_type text not null,
  error text not null,
  cause boolean not null,
  attempts int not null default 1,
  parked_at timestamptz not null default now(),
  primary key (projection, generation, position)
);
create index dead_letters_subject on projections.dead_letters (projection, generation, subject, position);
comment on column projections.dead_letters.cause is 'True for the event that failed, false for those that wait behind it.';

create table projections.discards (
  projection text collate "C" not null,
  version int not null,
  position bigint not null,
  subject text collate "C" not null,
  event_type text not null,
  error text not null,
  discarded_at timestamptz not null default now(),
  primary key (projection, version, position)
);
comment on table projections.discards is 'Events that a person decided to leave out; rebuilds of the same version leave them out too.';

-- The fence: raises unless every checkpoint of the write moved, which undoes the whole write.
create function projections.require_moved(moved bigint, expected int) returns boolean language plpgsql as $$
begin
  if moved <> expected then
    raise exception 'checkpoint moved or epoch changed: % of % held', moved, expected using errcode = 'YD412';
  end if;
  return true;
end $$;
`,
  },
  {
    name: 'projections/0002-swaps',
    sql: `
alter table projections.builds drop constraint builds_status_check;
alter table projections.builds add constraint builds_status_check
  check (status in ('building', 'live', 'previous', 'outdated', 'scratch', 'failed', 'dropped'));

create table projections.swaps (
  id bigint generated always as identity primary key,
  projection text collate "C" not null,
  generation int not null,
  version int not null,
  replaced int,
  replaced_version int,
  kind text not null check (kind in ('first', 'equal', 'new-version', 'accepted', 'swap-back')),
  by text not null,
  database_user text not null default session_user,
  reason text check (reason <> ''),
  differences jsonb,
  swapped_at timestamptz not null default clock_timestamp(),
  check (kind <> 'accepted' or reason is not null)
);
create index swaps_projection on projections.swaps (projection, id);
comment on table projections.swaps is 'Every time another build was made live: by whom, why it was allowed to, and in what it differs from the one before. Names keys and columns, no values.';
`,
  },
  {
    name: 'projections/0100-log',
    sql: `
alter table projections.settings add column log_id uuid, add column incarnation int not null default 0;
comment on column projections.settings.log_id is 'The log that the read models are made of.';
comment on column projections.settings.incarnation is 'Of the log; all builds were held against it.';
alter table projections.builds add column holds_lost boolean not null default false;
comment on column projections.builds.holds_lost is 'It holds events that the log has lost, and is to be rebuilt.';
`,
  },
  {
    name: 'projections/0101-versions',
    sql: `
create table projections.unknown_events (
  projection text collate "C" not null,
  generation int not null,
  event_type text collate "C" not null,
  schema_version int not null,
  first_position bigint not null,
  noted_at timestamptz not null default now(),
  primary key (projection, generation, event_type, schema_version)
);
comment on table projections.unknown_events is 'Types of events of which a build has folded the envelope only, as the code that wrote it did not know them: code that does makes the build anew.';
comment on column projections.unknown_events.noted_at is 'When such code met one last, to within some seconds.';

create table projections.paused_partitions (
  projection text collate "C" not null,
  generation int not null,
  partition int not null,
  position bigint not null,
  event_type text not null,
  schema_version int not null,
  paused_at timestamptz not null default now(),
  primary key (projection, generation, partition)
);
comment on table projections.paused_partitions is 'Where a partition waits for code that knows the event at this position; over as soon as its checkpoint is beyond.';
`,
  },
  {
    name: 'projections/0102-partitioner',
    sql: `
alter table projections.settings add column partitioner text;
comment on column projections.settings.partitioner is 'By which a customer''s partition is told.';
`,
  },
  snapshotMigration,
];

const rows = { app: 'select, insert, update, delete' };

/**
 * The bookkeeping, and where the views are. Apps make builds, which are theirs, in schemas of their own, and the views
 * on them; the swaps are a record, to which they add. Readers see the views: which columns, each swap grants.
 */
export const projectionSchema: OwnedSchema = {
  migrations,
  rights: [
    {
      schema: 'projections',
      tables: {
        settings: rows,
        builds: rows,
        checkpoints: rows,
        dead_letters: rows,
        discards: rows,
        swaps: { app: 'select, insert' },
        unknown_events: rows,
        paused_partitions: rows,
        snapshots: rows,
        snapshot_parts: rows,
        snapshot_names: rows,
      },
      appCreatesSchemas: true,
    },
    { schema: 'analytics', tables: {}, usedBy: ['app', 'reader'], appCreates: true },
  ],
};
