import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'relay/0100-state',
    sql: `
create schema relay;

create table relay.state (
  id           integer     primary key default 1 check (id = 1),
  epoch        bigint      not null default 0,
  holder       text        not null default '',
  expires_at   timestamptz not null default '-infinity',
  log_id       uuid,
  incarnation  integer     not null default 0,
  position     bigint      not null default 0,
  published_at timestamptz
) with (fillfactor = 10);
insert into relay.state default values;

create table relay.heads (
  partition integer primary key,
  position  bigint  not null
) with (fillfactor = 10);

comment on table relay.state is 'Who may publish, and up to where everything is on the bus.';
comment on column relay.state.epoch is 'Grows with each change of hands: the fence.';
comment on column relay.state.incarnation is 'Of the log, in which position and heads were known.';
comment on table relay.heads is 'Last position per partition at or below relay.state.position.';
`,
  },
  {
    name: 'relay/0101-placement',
    sql: `
alter table relay.state add column partitions integer, add column partitioner text;
comment on column relay.state.partitions is 'Of the bus, for good: a customer''s events stay in one partition.';
comment on column relay.state.partitioner is 'By which a customer''s partition is told.';
`,
  },
  {
    name: 'relay/0102-forks',
    sql: `
alter table relay.state add column told_through integer not null default 0;
comment on column relay.state.told_through is 'Incarnation of the log up to which its forks were told in every partition.';
`,
  },
];

/** What the relay has done: it moves its one line, and the heads of partitions. */
export const relaySchema: OwnedSchema = {
  migrations,
  rights: [
    {
      schema: 'relay',
      tables: { state: { app: 'select, update' }, heads: { app: 'select, insert, update' } },
    },
  ],
};
