import { z } from 'zod';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import { CommandMessages } from '#platform/command-handling/command-message.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { partitionOf, type BusMessage } from '#platform/event-bus/event-bus.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { Instant } from '#platform/kernel/calendar.js';
import { TestClock } from '#platform/kernel/clock.js';
import { command, type CommandDefinition } from '#platform/kernel/command.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { rule } from '#platform/kernel/errors.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { Id, derivedId } from '#platform/kernel/ids.js';
import { policy, type PolicyDefinition } from '#platform/kernel/policy.js';
import { fold } from '#platform/kernel/policy-state.js';
import { guardPolicies } from '#platform/policies/log-guard.js';
import { PolicyReader } from '#platform/policies/pending.js';
import { policySchema } from '#platform/policies/policies.migrations.js';
import { PolicyBooks } from '#platform/policies/policy-books.js';
import { PolicyConsumer } from '#platform/policies/policy-consumer.js';
import { commandIds } from '#platform/policies/policy-host.js';
import { PolicyMember } from '#platform/policies/policy-member.js';
import { PolicySender, usualLimits, type SendLimits } from '#platform/policies/policy-sender.js';
import { KeptStates } from '#platform/policies/policy-states.js';
import { SendQueue } from '#platform/policies/send-queue.js';
import { CommandSender } from '#platform/policies/sending.js';
import { verifyPolicy, type PolicyVerification } from '#platform/policies/verify.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { readable } from '#platform/kernel/erased.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { createTestDatabase } from '../../support/postgres.js';

// Errands: somebody asks for one, at once or at a time; a policy has it done, unless it was dropped before.

export const PARTITIONS = 3;
export const BEGAN = '2026-01-15T12:00:00.000Z';

export const asked = defineEvent({
  type: 'test.errand.asked',
  fields: { for: open(Id), at: open(Instant.optional()), words: personal(z.string(), 'communication') },
});
export const dropped = defineEvent({ type: 'test.errand.dropped', fields: { for: open(Id) } });
export const done = defineEvent({ type: 'test.errand.done', fields: { for: open(Id), how: open(z.string()) } });
export const passedOn = defineEvent({ type: 'test.errand.passed-on', fields: { for: open(Id), times: open(z.int()) } });
export const counted = defineEvent({ type: 'test.errand.counted', fields: { for: open(Id), how: open(z.string()) } });
export const merged = defineEvent({ type: 'test.errand.merged', fields: { for: open(Id), into: open(Id) } });

interface ErrandState {
  readonly for: string;
  readonly dones: number;
  readonly times: number;
  readonly into?: string;
}

export const Errand = aggregate<ErrandState>()({
  name: 'errand',
  initial: { for: '', dones: 0, times: 0 },
  events: { asked, dropped, done, passedOn, counted, merged },
  evolve: {
    asked: (state, data) => ({ ...state, for: data.for }),
    dropped: (state) => state,
    done: (state) => ({ ...state, dones: state.dones + 1 }),
    passedOn: (state, { times }) => ({ ...state, times }),
    counted: (state) => state,
    merged: (state, { into }) => ({ ...state, into }),
  },
  subject: (state) => state.for,
  survivor: ({ into }) => into,
});

export const askErrand = command({
  name: 'AskErrand',
  summary: 'Asks for something to be done',
  on: Errand,
  route: 'POST /v1/errands',
  input: z.strictObject({ id: Id.optional(), for: Id, at: Instant.optional(), words: z.string() }),
  decide: (_state, { id: _id, ...input }) => asked(input),
});
export const dropErrand = command({
  name: 'DropErrand',
  summary: 'It need not be done any more',
  on: Errand,
  route: 'POST /v1/errands/:id/drop',
  input: z.strictObject({}),
  decide: ({ for: subject }) => dropped({ for: subject }),
});
/** It minds no repeat: what is sent twice is done twice. */
export const doErrand = command({
  name: 'DoErrand',
  summary: 'Does it',
  on: Errand,
  route: 'POST /v1/errands/:id/do',
  input: z.strictObject({ how: z.string() }),
  decide: ({ for: subject, into }, { how }) => {
    rule('may-be-done', how !== 'forbidden', 'nobody may');
    rule('is-not-merged', into === undefined, 'it is another now');
    return how === 'as it is' ? undefined : done({ for: subject, how });
  },
});
export const passOn = command({
  name: 'PassOn',
  summary: 'Gives it to the next one',
  on: Errand,
  route: 'POST /v1/errands/:id/pass-on',
  input: z.strictObject({}),
  decide: (state) => passedOn({ for: state.for, times: state.times + 1 }),
});
export const mergeErrand = command({
  name: 'MergeErrand',
  summary: 'It is another one',
  on: Errand,
  route: 'POST /v1/errands/:id/merge',
  input: z.strictObject({ into: Id }),
  decide: (state, { into }) => merged({ for: state.for, into }),
});

export const countErrand = command({
  name: 'CountErrand',
  summary: 'Writes down how many there were',
  on: Errand,
  route: 'POST /v1/errands/:id/count',
  input: z.strictObject({ how: z.string() }),
  decide: ({ for: subject }, { how }) => counted({ for: subject, how }),
});

/** Words that make the policy throw, as a bug would; emptied when the bug is mended. */
export const broken = new Set<string>();

const said = (words: unknown): string => {
  const text = readable(words as string) ?? 'erased';
  if (broken.has(text)) throw new TypeError(`cannot read ${text}`);
  return text;
};

export const doAtOnce = policy({
  name: 'do-at-once',
  version: 1,
  about: 'What is asked for without a time is done at once',
  on: asked,
  when: ({ data }) => data.at === undefined,
  send: ({ aggregateId, data }) =>
    said(data.words) === 'never mind' ? undefined : doErrand.for(aggregateId, { how: said(data.words) }),
});
export const doLater = policy({
  name: 'do-later',
  version: 1,
  about: 'What is asked for at a time is done then, unless it was dropped',
  on: asked,
  after: ({ data }) => (data.at === undefined ? undefined : new Date(data.at)),
  unless: [dropped, done],
  send: ({ aggregateId, data }) => doErrand.for(aggregateId, { how: said(data.words) }),
});
/** What has happened to a subject. */
export interface Counts {
  readonly asks: number;
  readonly drops: number;
  readonly dones: number;
}
const noCounts: Counts = { asks: 0, drops: 0, dones: 0 };

/** What is written about somebody after so much. */
export const howOf = ({ asks, drops, dones }: Counts): string => `${asks} asked, ${drops} dropped, ${dones} done`;

/** What the counts are of all that happened to somebody; a spec holds policies to it. */
export const countsOf = (types: readonly string[]): Counts => ({
  asks: types.filter((type) => type === asked.type).length,
  drops: types.filter((type) => type === dropped.type).length,
  dones: types.filter((type) => type === done.type).length,
});

/** Of three that somebody asks for, two are counted, each so many seconds later as it is the how manieth. */
export const countThem = policy({
  name: 'count-them',
  version: 1,
  about: 'Writes down how many errands somebody has asked for by now',
  on: asked,
  state: {
    initial: noCounts,
    on: [
      fold(asked, (state: Counts) => ({ ...state, asks: state.asks + 1 })),
      fold(dropped, (state: Counts) => ({ ...state, drops: state.drops + 1 })),
      fold(done, (state: Counts) => ({ ...state, dones: state.dones + 1 })),
    ],
  },
  when: (_event, { state: { asks } }) => asks % 3 !== 0,
  after: ({ recordedAt }, { state: { asks } }) => new Date(recordedAt.getTime() + asks * 1000),
  send: ({ aggregateId }, { state }) => countErrand.for(aggregateId, { how: howOf(state) }),
});

/** The same by newer code, which keeps it in another shape. */
export const countThemAnew = policy({
  name: 'count-them',
  version: 2,
  about: countThem.about,
  on: asked,
  state: {
    initial: '',
    on: [
      fold(asked, (state: string) => `${state}?`),
      fold(dropped, (state: string) => `${state}-`),
      fold(done, (state: string) => `${state}!`),
    ],
  },
  when: (_event, { state }) => times(state, '?') % 3 !== 0,
  after: ({ recordedAt }, { state }) => new Date(recordedAt.getTime() + times(state, '?') * 1000),
  send: ({ aggregateId }, { state }) =>
    countErrand.for(aggregateId, {
      how: howOf({ asks: times(state, '?'), drops: times(state, '-'), dones: times(state, '!') }),
    }),
});
const times = (text: string, letter: string): number => text.split(letter).length - 1;

export const passForEver = policy({
  name: 'pass-for-ever',
  version: 1,
  about: 'Each one passes it on, as a mistake would',
  on: passedOn,
  send: ({ aggregateId }) => passOn.for(aggregateId, {}),
});

export const codec = plaintext([asked, dropped, done, passedOn, counted, merged]);

/** One process with policies; several may run on one world. */
export interface Process {
  readonly consumer: PolicyConsumer;
  readonly sender: PolicySender;
  readonly members: readonly PolicyMember[];
  /** Reads the log to its end, as whoever missed a message does. */
  level(): Promise<void>;
}

export class World {
  store!: MemoryEventStore;
  clock!: TestClock;
  gateway!: CommandPipeline;
  /** What policies had trouble with. */
  troubles: unknown[] = [];
  private processes = 0;

  private constructor(
    readonly pool: Pool,
    private readonly drop: () => Promise<void>,
  ) {}

  static async open(): Promise<World> {
    const database = await createTestDatabase();
    const pool = createPool(database.url, { role: 'write', max: 8, synchronousCommit: 'off' });
    await bringUpToDate(pool, policySchema);
    const world = new World(pool, () => database.drop());
    await world.reset();
    return world;
  }

  async close(): Promise<void> {
    await this.pool.end();
    await this.drop();
  }

  /** An empty log, and policies that have seen nothing. */
  async reset(): Promise<void> {
    broken.clear();
    this.troubles = [];
    this.clock = new TestClock(new Date(BEGAN));
    this.store = new MemoryEventStore(this.clock);
    this.gateway = new CommandPipeline({ store: this.store, codec, clock: this.clock });
    await this.pool.query(
      `truncate policies.states, policies.pending, policies.outcomes, policies.checkpoints, policies.policies;
       update policies.settings set log_id = null, incarnation = 0, partitions = null`,
    );
  }

  /** A process that has started; without `loaded` it has not looked at the database yet. */
  async process(
    definitions: readonly PolicyDefinition[],
    { gateway = this.gateway, limits = {} }: { gateway?: CommandGateway; limits?: Partial<SendLimits> } = {},
  ): Promise<Process> {
    const { pool, store, clock } = this;
    const ids = commandIds(store);
    const reader = new PolicyReader({ codec, ids, zone: 'UTC' });
    const states = new KeptStates(pool, { store, codec }, PARTITIONS);
    const members = definitions.map((definition) => new PolicyMember({ definition, days: 0 }, reader, states));
    const onError = (error: unknown): void => void this.troubles.push(error);
    const sender = new PolicySender({
      queue: new SendQueue(pool, `process-${++this.processes}`),
      sender: new CommandSender({ store, codec, gateway, ids, reader, states, clock }),
      store,
      clock,
      active: () => members.filter(({ isAside }) => !isAside).map(({ policy: own }) => own),
      limits: { ...usualLimits, ...limits },
      onError,
    });
    const log = { store, partitions: PARTITIONS };
    const books = new PolicyBooks(pool);
    const consumer = new PolicyConsumer({
      members,
      books,
      log,
      clock,
      readsFor: () => true,
      onAdded: () => {},
      onError,
    });
    await guardPolicies(pool, store, PARTITIONS);
    await consumer.load();
    const level = async (): Promise<void> => {
      const { position } = await store.head();
      const targets = new Map(Array.from({ length: PARTITIONS }, (_, partition) => [partition, position]));
      await consumer.reconcile(new Map(members.map(({ name }) => [name, targets])));
    };
    return { consumer, sender, members, level };
  }

  /** Sends a command as somebody does. */
  async send(definition: CommandDefinition, input: object, id?: string): Promise<string> {
    const message = new CommandMessages(definition, commandIds(this.store)).message(input, id, {}, 'somebody');
    return (await this.gateway.execute(message)).id;
  }

  ask(subject: number, words: string, at?: Date): Promise<string> {
    return this.send(askErrand, { for: idOf(subject), words, at: at?.toISOString() });
  }

  async events(): Promise<StoredEvent[]> {
    return this.store.readAll({ after: 0n, limit: 100_000 });
  }

  /** The log as the bus would hand it over. */
  async messages(): Promise<BusMessage[]> {
    const heads = new Map<number, bigint>();
    return (await this.events()).map((event) => {
      const partition = partitionOf(event.subject, PARTITIONS);
      const previous = heads.get(partition) ?? 0n;
      heads.set(partition, event.position);
      return { partition, event, previous };
    });
  }

  /** What is pending and kept, held against the log. */
  verify(definition: PolicyDefinition): Promise<PolicyVerification> {
    const { pool, store } = this;
    const reader = new PolicyReader({ codec, ids: commandIds(store), zone: 'UTC' });
    const log = { store, partitions: PARTITIONS };
    return verifyPolicy({ pool, log, reader, codec }, { definition, days: 0 });
  }

  /** How often an errand was done. */
  async dones(id: string): Promise<number> {
    return (await this.events()).filter(({ type, aggregateId }) => type === done.type && aggregateId === id).length;
  }

  async outcomes(): Promise<
    { policy: string; position: number; status: string; rule: string | null; error: string | null }[]
  > {
    const { rows } = await this.pool.query(
      `select policy, position::int, status, rule, error from policies.outcomes order by policy, position`,
    );
    return rows;
  }

  async pending(): Promise<{ policy: string; position: number; due: Date; waits: boolean }[]> {
    const { rows } = await this.pool.query(
      `select policy, position::int, due, run_at = 'infinity' as waits from policies.pending order by policy, position`,
    );
    return rows;
  }
}

export const idOf = (number: number): string => derivedId('subject', String(number));
export const inSeconds = (seconds: number): Date => new Date(Date.parse(BEGAN) + seconds * 1000);
