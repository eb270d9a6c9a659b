import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'access/0002-access-log',
    sql: `
-- A schema of its own, in the database of the keys: who may read or add here has no need of what is beside it.
create schema access_log;

create table access_log.entries (
  at        timestamptz not null default date_trunc('milliseconds', clock_timestamp()),
  id        bigint      not null generated always as identity,
  outcome   text        not null check (outcome in ('seen', 'unauthenticated', 'forbidden', 'not-noted')),
  actor     text        check (length(actor) <= 200),
  roles     text[]      check (cardinality(roles) <= 20),
  operation text        not null check (length(operation) <= 100),
  about     text        check (length(about) <= 500),
  by        text        check (by in ('reveal', 'purpose')),
  why       text        check (length(why) <= 1000),
  request   text        check (length(request) <= 100),
  count     integer     not null,
  primary key (at, id)
) partition by range (at);
create index on access_log.entries (actor, at, id);

comment on table access_log.entries is
  'Who saw personal values, and who was denied what. Never a value of a customer. Added to, and never changed: a quarter that is not to be kept any longer is dropped as a whole, by the owner.';
comment on column access_log.entries.about is 'Ids and positions that were asked for.';
comment on column access_log.entries.why is 'Of what was seen: the reason given, or the purpose of the key or token.';
comment on column access_log.entries.count is 'Of what was seen: items in the answer. Of denials: how many there were of this kind in about a second.';

create function access_log.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the access log is never changed: % on %.% refused', tg_op, tg_table_schema, tg_table_name
    using errcode = 'YD403';
end $$;
create trigger entries_are_immutable before update or delete or truncate on access_log.entries
  for each statement execute function access_log.refuse_change();

-- A partition may be named directly, so each has the trigger itself.
do $$
declare
  first date;
  part  text;
begin
  for first in select generate_series(date '2026-10-01', date '2036-07-01', interval '3 months') loop
    part := format('entries_%s_q%s', extract(year from first), extract(quarter from first));
    execute format('create table access_log.%I partition of access_log.entries for values from (%L) to (%L)',
      part, first::timestamp at time zone 'UTC', (first + interval '3 months') at time zone 'UTC');
    execute format('create trigger entries_are_immutable before update or delete or truncate on access_log.%I
      for each statement execute function access_log.refuse_change()', part);
  end loop;
end $$;
create table access_log.entries_of_other_times partition of access_log.entries default;
create trigger entries_are_immutable before update or delete or truncate on access_log.entries_of_other_times
  for each statement execute function access_log.refuse_change();
`,
  },
];

/** Apps note and read; nobody changes what was noted. */
export const accessLogSchema: OwnedSchema = {
  migrations,
  rights: [{ schema: 'access_log', tables: { entries: { app: 'select, insert', auditor: 'select' } } }],
};
