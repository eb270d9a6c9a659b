import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';
import { appendFunctions } from './functions/append.sql.js';
import { attachFunctions } from './functions/attach.sql.js';
import { readFunctions } from './functions/reads.sql.js';

const migrations: readonly Migration[] = [
  {
    name: 'store/0300-log',
    sql: `
do $$ begin
  if exists (select from public.yad_migrations where name in ('store/0001-events', 'store/0100-log', 'store/0200-log')) then
    raise exception 'this log was made by an earlier Yad, in a form that is no longer read: import its sources into a new database';
  end if;
end $$;

create schema store;

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
  personal_data  json,
  constraint events_pkey primary key (position),
  constraint events_stream_revision unique (aggregate_id, revision, aggregate),
  constraint events_command_ordinal unique (command_id, ordinal)
);
create index events_subject on store.events (subject, position) where subject is not null;

comment on table store.events is 'The log: the only truth. Never updated, never deleted.';
comment on column store.events.position is 'Total order, taken under the append lock; without holes but where an incarnation begins.';
comment on column store.events.aggregate_id is 'With aggregate, the stream.';
comment on column store.events.recorded_at is 'By the database''s clock; never decreases with the position.';
comment on column store.events.subject is 'The customer it is about; null where that is aggregate_id itself.';
comment on column store.events.fingerprint is 'Tells a repeated command from another body under the same key; with command_id and ordinal it is the receipt.';
comment on column store.events.personal_data is 'Personal fields, apart from data: a part for each retention class, in a form that it names itself.';

create table store.receipts (
  command_id   uuid    primary key,
  fingerprint  bytea,
  subject      uuid    not null,
  aggregate    text    collate "C" not null,
  aggregate_id uuid    not null,
  revision     integer not null,
  position     bigint  not null
);
comment on table store.receipts is 'Answers of commands that decided no event; all others have their receipt in the log itself.';

create table store.log (
  one    boolean primary key default true check (one),
  id     uuid    not null default gen_random_uuid(),
  secret bytea   not null default decode(replace(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
);
insert into store.log default values;
comment on table store.log is 'Which log this is.';
comment on column store.log.secret is 'Keys are derived from it: of messages on the bus, of reservations, of derived ids.';

create table store.incarnations (
  number    int         primary key,
  id        uuid        not null unique,
  forked_at bigint      not null,
  follows   bigint      not null,
  begins_at bigint      not null,
  system    text        not null,
  timeline  int         not null,
  reason    text        not null,
  began_at  timestamptz not null
);
comment on table store.incarnations is 'The stretches of the log''s history: a new one begins where it goes on without the last commits of the one before.';
comment on column store.incarnations.forked_at is 'Last position of the incarnation before that is still in the log.';
comment on column store.incarnations.follows is 'Last position in the log before its own.';
comment on column store.incarnations.begins_at is 'Its own positions start here, so that none is ever given twice.';
comment on column store.incarnations.system is 'Cluster, database and table that it was written in; see store.server.';

create table store.reservations (
  scope        text  collate "C" not null,
  key          bytea not null,
  aggregate    text  collate "C" not null,
  aggregate_id uuid  not null,
  primary key (scope, key)
);
create index reservations_stream on store.reservations (aggregate_id);
comment on table store.reservations is 'Keys that only one stream may have: a source''s key, an identity elsewhere.';
comment on column store.reservations.key is 'HMAC of the key under the log''s secret: it names nobody, and goes with an erasure.';

create function store.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'events are never changed: % on store.% refused', tg_op, tg_table_name using errcode = 'YD403';
end $$;
create trigger events_are_immutable before update or delete or truncate on store.events
  for each statement execute function store.refuse_change();
create trigger receipts_are_immutable before update or delete or truncate on store.receipts
  for each statement execute function store.refuse_change();
create trigger incarnations_are_immutable before update or delete or truncate on store.incarnations
  for each statement execute function store.refuse_change();
${attachFunctions}
${appendFunctions}
${readFunctions}
select store.begin_incarnation('the log was made', null);
`,
  },
];

/** All of an event but its personal part. */
const OPEN_COLUMNS = [
  ...['position', 'aggregate', 'aggregate_id', 'revision', 'id', 'type', 'schema_version', 'occurred_at'],
  ...['recorded_at', 'subject', 'command_id', 'ordinal', 'meta', 'data'],
].join(', ');

/**
 * The log. Apps add to it and read it: nothing here may be given that changes a row that is there, or the table. The
 * secret is theirs alone.
 */
export const storeSchema: OwnedSchema = {
  migrations,
  rights: [
    {
      schema: 'store',
      tables: {
        events: { app: 'select, insert', auditor: `select (${OPEN_COLUMNS})` },
        receipts: { app: 'select, insert', auditor: 'select' },
        log: { app: 'select', auditor: 'select (one, id)' },
        incarnations: { app: 'select, insert', auditor: 'select' },
        reservations: { app: 'select, insert' },
      },
    },
  ],
};
