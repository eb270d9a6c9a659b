import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'kurrentdb-index/0100-index',
    sql: `
create schema kurrentdb_index;

create table kurrentdb_index.state (
  id           integer primary key default 1 check (id = 1),
  log_id       uuid,
  incarnation  integer     not null default 0,
  position     bigint      not null default 0,
  recorded_at  timestamptz,
  epoch        integer     not null default 0,
  writer       text        not null default '',
  writer_until timestamptz not null default '-infinity'
);
insert into kurrentdb_index.state default values;
comment on table kurrentdb_index.state is 'How far the index goes: all of the log up to this position is in it. It can be emptied and made anew at any time.';
comment on column kurrentdb_index.state.epoch is 'Raised when it is begun anew: the fence against who still wrote to it as it was.';

create table kurrentdb_index.events (
  position     bigint      primary key,
  aggregate    text        not null collate "C",
  aggregate_id uuid        not null,
  revision     integer     not null,
  subject      uuid        not null,
  command_id   uuid        not null,
  ordinal      smallint    not null,
  events       smallint,
  fingerprint  bytea,
  recorded_at  timestamptz not null
);
create index events_subject on kurrentdb_index.events (subject, position);
create index events_command on kurrentdb_index.events (command_id, ordinal);
create index events_recorded on kurrentdb_index.events (recorded_at, position);
comment on table kurrentdb_index.events is 'Where the events of KurrentDB are: by subject, command and time. No event stands here, nor anything personal.';
comment on column kurrentdb_index.state.writer is 'Which process keeps the index up to date, until when unless it says so again.';
comment on column kurrentdb_index.events.events is 'Of the first event of a command: how many it has.';

create table kurrentdb_index.held_times (
  from_position  bigint      primary key,
  until_position bigint,
  recorded_at    timestamptz not null
);
comment on table kurrentdb_index.held_times is 'Where the clock of the server had stepped back: the time that counts meanwhile.';
`,
  },
];

/** What KurrentDB has no index for, made from its log: the apps write all of it. */
export const kurrentIndexSchema: OwnedSchema = {
  migrations,
  rights: [
    {
      schema: 'kurrentdb_index',
      tables: {
        state: { app: 'select, update' },
        events: { app: 'select, insert, delete' },
        held_times: { app: 'select, insert, update, delete' },
      },
    },
  ],
};
