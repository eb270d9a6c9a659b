import type { Migration } from '#platform/postgres/migrations.js';

/** The books about snapshots. Their rows are in a schema each, `snapshot_<id>`. */
export const snapshotMigration: Migration = {
  name: 'projections/0103-snapshots',
  sql: `
alter table projections.builds drop constraint builds_status_check;
alter table projections.builds add constraint builds_status_check
  check (status in ('building', 'live', 'previous', 'outdated', 'scratch', 'failed', 'dropped', 'snapshot'));
comment on column projections.builds.generation is 'Below 0: a part of a snapshot, which is numbered by itself and never goes live.';

create table projections.snapshots (
  id           uuid primary key,
  schema       text not null unique,
  key          text not null,
  log_id       uuid not null,
  incarnation  int not null,
  partitions   int not null,
  through      bigint not null,
  now          timestamptz not null,
  status       text not null check (status in ('waiting', 'building', 'ready', 'failed', 'cancelled', 'dropping')),
  step         text not null default '',
  began        bigint not null default 0,
  position     bigint not null default 0,
  target       bigint not null,
  bytes        bigint not null default 0,
  attempts     int not null default 0,
  made_by      text not null,
  made_at      timestamptz not null,
  ended_at     timestamptz,
  last_used_at timestamptz not null,
  kept_until   timestamptz,
  failure      text,
  reason       text
);
create unique index snapshots_key on projections.snapshots (key) where status in ('waiting', 'building', 'ready');
comment on table projections.snapshots is 'The read models as of points, each in a schema of its own.';
comment on column projections.snapshots.key is 'Of the log, the point and the versions: who asks for the same shares it.';
comment on column projections.snapshots.position is 'While it is built: the log has been read from began up to here, on the way to target.';
comment on column projections.snapshots.attempts is 'How often a process has begun to build it, or gone on.';
comment on column projections.snapshots.last_used_at is 'To within a minute.';

create table projections.snapshot_parts (
  snapshot   uuid not null references projections.snapshots on delete cascade,
  projection text collate "C" not null,
  version    int not null,
  targets    bigint[] not null,
  layout     text not null,
  number     int not null generated always as identity,
  primary key (snapshot, projection)
);
comment on column projections.snapshot_parts.targets is 'By partition, the position through which its events count.';
comment on column projections.snapshot_parts.number is 'Its generation is this below 0: never given twice, so that its line in builds can go with it.';

create table projections.snapshot_names (
  name      text collate "C" primary key,
  snapshot  uuid not null references projections.snapshots on delete cascade,
  given_by  text not null,
  given_at  timestamptz not null,
  scheduled boolean not null
);
create index snapshot_names_snapshot on projections.snapshot_names (snapshot);
comment on table projections.snapshot_names is 'A day and a closing may be of the same point: one snapshot has both names.';
comment on column projections.snapshot_names.scheduled is 'Given by the schedule, which takes it back when it is old.';
`,
};
