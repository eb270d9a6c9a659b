import type { Migration, OwnedSchema } from '#platform/postgres/migrations.js';

const migrations: readonly Migration[] = [
  {
    name: 'policies/0100-policies',
    sql: `
create schema policies;

create table policies.settings (
  id          integer primary key default 1 check (id = 1),
  log_id      uuid,
  incarnation integer not null default 0,
  partitions  integer
);
insert into policies.settings default values;
comment on table policies.settings is 'The log that the policies act on, its incarnation when they were last held against it, and the partitions of the bus, for good.';

create table policies.policies (
  policy        text primary key collate "C",
  version       integer not null,
  from_position bigint not null,
  paused_by     text,
  paused_at     timestamptz,
  sender        text not null default '',
  sender_until  timestamptz not null default '-infinity'
);
comment on column policies.policies.version is 'Of the code that has it now; older code stands aside.';
comment on column policies.policies.from_position is 'It acts on the events after this position.';
comment on column policies.policies.sender is 'Which process sends its commands, until when unless it says so again.';

create table policies.checkpoints (
  policy    text    not null collate "C" references policies.policies on delete cascade,
  partition integer not null,
  position  bigint  not null,
  epoch     integer not null default 0,
  waits_for text,
  primary key (policy, partition)
) with (fillfactor = 50);
comment on column policies.checkpoints.epoch is 'Raised when another version takes over or an operator moves the checkpoint: the fence.';
comment on column policies.checkpoints.waits_for is 'Why it stands still: an event of a version that the code did not know.';

create table policies.pending (
  command_id   uuid        primary key,
  policy       text        not null collate "C",
  position     bigint      not null,
  event_id     uuid        not null,
  aggregate    text        not null collate "C",
  aggregate_id uuid        not null,
  revision     integer     not null,
  subject      text        not null collate "C",
  due          timestamptz not null,
  depth        integer     not null,
  run_at       timestamptz not null,
  attempts     integer     not null default 0
);
create index pending_run on policies.pending (policy, run_at, position);
create index pending_subject on policies.pending (policy, subject, due, position);
create index pending_stream on policies.pending (aggregate_id, policy);
comment on table policies.pending is 'Commands that are to be sent. No command stands here and nothing personal: it is made of the event when it is due.';
comment on column policies.pending.depth is 'How many causes of its event were commands of policies, in a row.';
comment on column policies.pending.run_at is 'When it is tried next: at first when it is due; infinity while it is parked, or waits behind one of its subject that is.';

create table policies.outcomes (
  command_id      uuid        primary key,
  policy          text        not null collate "C",
  version         integer     not null,
  position        bigint      not null,
  event_id        uuid        not null,
  aggregate       text        not null collate "C",
  aggregate_id    uuid        not null,
  revision        integer     not null,
  subject         text        not null collate "C",
  due             timestamptz not null,
  depth           integer     not null,
  status          text        not null check (status in ('accepted', 'no-change', 'refused', 'nothing', 'withdrawn', 'parked', 'discarded')),
  rule            text,
  error           text,
  attempts        integer     not null,
  result_position bigint,
  decided_at      timestamptz not null
);
create index outcomes_policy on policies.outcomes (policy, position);
create index outcomes_subject on policies.outcomes (subject, position);
create index outcomes_parked on policies.outcomes (policy, position) where status = 'parked';
comment on table policies.outcomes is 'What became of the commands of policies. No words of a person: of an error its class, of a refusal its rule.';
comment on column policies.outcomes.result_position is 'Of the last event that the command stored.';
`,
  },
  {
    name: 'policies/0200-states',
    sql: `
create table policies.states (
  policy   text    not null collate "C",
  subject  text    not null collate "C",
  version  integer not null,
  position bigint  not null,
  state    text,
  primary key (policy, subject)
) with (fillfactor = 70);
comment on table policies.states is 'What policies keep of each subject, folded from open fields of events: nothing personal. A row holds from its position on through the checkpoint of its partition; where there is none, the log tells.';
comment on column policies.states.version is 'Of the policy whose code folded it; code of another version folds it anew.';
comment on column policies.states.state is 'JSON; null where it could not be folded, or was too large to be kept.';
`,
  },
  {
    name: 'policies/0300-old-outcomes',
    sql: `
alter table policies.policies add column outcomes_from timestamptz not null default '-infinity';
comment on column policies.policies.outcomes_from is 'Outcomes that were decided before may be deleted.';
create index outcomes_decided on policies.outcomes (decided_at) where status <> 'parked';
`,
  },
];

/** What policies have to send and what became of it: the apps write all of it, and auditors may look. */
export const policySchema: OwnedSchema = {
  migrations,
  rights: [
    {
      schema: 'policies',
      tables: {
        settings: { app: 'select, update' },
        policies: { app: 'select, insert, update' },
        checkpoints: { app: 'select, insert, update' },
        pending: { app: 'select, insert, update, delete' },
        states: { app: 'select, insert, update, delete' },
        outcomes: { app: 'select, insert, update, delete' },
      },
    },
  ],
};
