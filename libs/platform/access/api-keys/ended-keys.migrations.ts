import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'access/0003-ended-keys',
    sql: `
create schema ended_keys;

create table ended_keys.api_keys (
  id       text        not null,
  ended_at timestamptz not null,
  primary key (id, ended_at)
);
comment on table ended_keys.api_keys is
  'API keys that were seen to be revoked, kept with the log: keys that are put back from an older backup do not bring them back.';
`,
  },
];

/** In the database of the log: added to and never taken back. */
export const endedKeysSchema: OwnedSchema = {
  migrations,
  rights: [{ schema: 'ended_keys', tables: { api_keys: { app: 'select, insert' } } }],
};
