import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'witness/0001-log',
    sql: `
create schema witness;

create table witness.log (
  one         boolean     primary key default true check (one),
  log_id      uuid        not null,
  incarnation int         not null,
  position    bigint      not null,
  event       uuid,
  noted_at    timestamptz not null default clock_timestamp()
);
comment on table witness.log is
  'The last event that the log was seen to have, kept where a restore of the log alone does not reach: a log that lacks it was put back from an older copy.';
`,
  },
];

/** What the database of the keys knows of the log. */
export const witnessSchema: OwnedSchema = {
  migrations,
  rights: [{ schema: 'witness', tables: { log: { app: 'select, insert, update' } } }],
};
