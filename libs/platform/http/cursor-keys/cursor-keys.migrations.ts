import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'http/0001-cursor-keys',
    sql: `
create schema http;

-- The bytes are the server's own strong random bits (122 in each uuid), not a password's.
create table http.cursor_keys (
  id         smallint    primary key generated always as identity check (id > 0),
  secret     bytea       not null check (octet_length(secret) = 32)
             default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid() || gen_random_uuid(), 'UTF8')),
  created_at timestamptz not null default now()
);
comment on table http.cursor_keys is
  'What the cursors of paged answers are encrypted with. The newest seals, all open: "insert into http.cursor_keys default values" adds one, a deleted one ends the walks that began with it.';

-- Here, under the lock of the migrations: made once, however many processes start at once.
insert into http.cursor_keys default values;
`,
  },
];

/** Apps read the keys; a person makes new ones and removes old ones, as the owner. */
export const cursorKeySchema: OwnedSchema = {
  migrations,
  rights: [{ schema: 'http', tables: { cursor_keys: { app: 'select' } } }],
};
