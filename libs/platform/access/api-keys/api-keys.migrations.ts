import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'access/0001-api-keys',
    sql: `
create schema access;

create table access.api_key_holders (
  name              text        primary key check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
  roles             text[]      not null check (cardinality(roles) > 0),
  personal_data_for text        check (length(personal_data_for) between 1 and 200),
  made_at           timestamptz not null default now()
);
comment on table access.api_key_holders is
  'Who holds keys. A name is the actor of events and stays its holder''s, also when all of its keys are revoked: rows are never deleted.';

create table access.api_keys (
  id           text        primary key check (id ~ '^[0-9a-f]{12}$'),
  holder       text        not null references access.api_key_holders,
  hash         bytea       not null unique check (octet_length(hash) = 32),
  made_at      timestamptz not null default now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);
create index on access.api_keys (holder);
comment on column access.api_keys.hash is 'SHA-256 of the whole key, which is kept nowhere.';
comment on column access.api_keys.revoked_at is 'From then on the key is of no use; ahead where it goes on for a while after a rotation.';
comment on column access.api_keys.last_used_at is 'To some minutes.';

-- What every process asks for each second: one row, which says whether the keys are to be read again.
create table access.api_key_version (
  one     boolean primary key default true check (one),
  version bigint  not null
);
insert into access.api_key_version (version) values (0);

create function access.keys_changed() returns trigger language plpgsql as $$
begin
  update access.api_key_version set version = version + 1;
  return null;
end $$;
create trigger keys_changed after insert or delete or update of id, holder, hash, expires_at, revoked_at
  on access.api_keys for each statement execute function access.keys_changed();
create trigger keys_changed after insert or delete or update of name, roles, personal_data_for
  on access.api_key_holders for each statement execute function access.keys_changed();
`,
  },
];

/** Apps read the keys, and note when they were used; the owner makes and ends them: no app can let anybody in. */
export const apiKeySchema: OwnedSchema = {
  migrations,
  rights: [
    {
      schema: 'access',
      tables: {
        api_key_holders: { app: 'select' },
        api_keys: { app: 'select, update (last_used_at)' },
        api_key_version: { app: 'select' },
      },
    },
  ],
};
