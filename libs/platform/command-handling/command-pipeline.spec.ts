import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { aggregate } from '#platform/kernel/aggregate.js';
import { at, command, reference, type CommandDefinition } from '#platform/kernel/command.js';
import { TestClock, type Clock } from '#platform/kernel/clock.js';
import { KeyReused, NotFound, RuleViolation, StaleRevision, rule } from '#platform/kernel/errors.js';
import { FetchingCodec } from '#test/fixtures/fetching-codec.fixture.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { fingerprint, newId } from '#platform/kernel/ids.js';
import type { AppendOutcome, AppendRequest } from '#platform/event-store/event-store.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import type { CommandMessage } from './command-message.js';
import { CommandPipeline } from './command-pipeline.js';

const opened = defineEvent({
  type: 't.account.opened',
  fields: { owner: personal(z.string()), limit: open(z.number()) },
});
const paid = defineEvent({ type: 't.account.paid', fields: { amount: open(z.number()) } });
const Account = aggregate<{ open: boolean; balance: number }>()({
  name: 'account',
  initial: { open: false, balance: 0 },
  events: { opened, paid },
  evolve: {
    opened: (_, { limit }) => ({ open: true, balance: limit }),
    paid: (state, { amount }) => ({ ...state, balance: state.balance + amount }),
  },
});
const openAccount = command({
  name: 'Open',
  summary: '',
  on: Account,
  route: 'POST /accounts',
  allowed: [],
  input: z.strictObject({ owner: z.string(), limit: z.number() }),
  decide: (state, input) => {
    rule('is-new', !state.open);
    return opened(input);
  },
});
const pay = command({
  name: 'Pay',
  summary: '',
  on: Account,
  route: 'POST /accounts/:id/pay',
  allowed: [],
  input: z.strictObject({ amount: z.number(), to: z.string().optional() }),
  refs: { to: reference(Account, (input: { to?: string }) => input.to) },
  decide: (state, { amount }, { refs }) => {
    rule('is-open', state.open);
    rule('is-covered', state.balance >= amount);
    if (refs.to) rule('to-is-open', refs.to.state.open);
    if (amount === 0) return undefined;
    return refs.to ? [paid({ amount: -amount }), at('to', paid({ amount }))] : paid({ amount: -amount });
  },
});

/** Takes money from an account that another one stands for: looks at it, and leaves it as it is. */
const lend = command({
  name: 'Lend',
  summary: '',
  on: Account,
  route: 'POST /accounts/:id/lend',
  allowed: [],
  input: z.strictObject({ amount: z.number(), guarantor: z.string() }),
  refs: { guarantor: reference(Account, (input: { guarantor: string }) => input.guarantor) },
  decide: (_state, { amount }, { refs }) => {
    rule('is-guaranteed', refs.guarantor!.state.balance >= amount);
    return paid({ amount: -amount });
  },
});
const openBacked = command({
  name: 'OpenBacked',
  summary: '',
  on: Account,
  route: 'POST /backed-accounts',
  allowed: [],
  input: z.strictObject({ guarantor: z.string() }),
  refs: { guarantor: reference(Account, (input: { guarantor: string }) => input.guarantor) },
  decide: (_state, _input, { refs }) => opened({ owner: 'backed', limit: refs.guarantor!.state.balance }),
});

/** A store whose appends can be held back and made to fail. */
class SlowStore extends MemoryEventStore {
  calls: AppendRequest[][] = [];
  gate: Promise<void> = Promise.resolve();
  fail: Error | undefined;
  override async append(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    this.calls.push(requests);
    await this.gate;
    if (this.fail) {
      const error = this.fail;
      this.fail = undefined;
      throw error;
    }
    return super.append(requests);
  }
}

function setUp() {
  const store = new SlowStore();
  const make = (clock?: Clock) => new CommandPipeline({ store, codec: plaintext([opened, paid]), clock });
  const pipeline = make();
  const message = (definition: CommandDefinition, id: string, input: any, more: Partial<CommandMessage> = {}) => ({
    definition,
    id,
    input,
    commandId: newId(),
    fingerprint: null,
    actor: 'spec',
    ...more,
  });
  const keyed = (key: string, body: string) => ({ commandId: key, fingerprint: fingerprint(body) });
  const events = async () => (await store.readAll({ after: 0n, limit: 1000 })).map(({ type }) => type);
  /** After each event. */
  const balances = async (id: string) => {
    let balance = 0;
    return (await store.readStream({ aggregate: 'account', aggregateId: id })).map(({ data }) => {
      const { limit, amount } = JSON.parse(data) as { limit?: number; amount?: number };
      return (balance += limit ?? amount!);
    });
  };
  return { store, make, pipeline, other: make(), message, keyed, events, balances };
}

/** From now on, a batch with an event that has this text is refused whole. */
function refuseData(store: SlowStore, text: string): void {
  const append = store.append.bind(store);
  store.append = async (requests) => {
    const events = requests.flatMap((request) => request.events);
    if (events.some(({ data, personalData }) => data.includes(text) || personalData?.includes(text)))
      throw new Error('bad data');
    return append(requests);
  };
}

describe('the command pipeline', () => {
  it('stores what is decided, personal fields apart, and answers with the place', async () => {
    const { store, pipeline, message } = setUp();
    const id = newId();
    const result = await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 5 }, { reason: 'why' }));
    expect(result).toEqual({ id, stream: `account-${id}`, revision: 0, position: 1n, events: 1, repeated: false });
    expect(await store.readStream({ aggregate: 'account', aggregateId: id })).toMatchObject([
      {
        data: '{"limit":5}',
        personalData: '{"sealed":0,"parts":{"profile":{"owner":"Ada"},"reason":{"reason":"why"}}}',
        subject: id,
        meta: { actor: 'spec' },
      },
    ]);
  });

  it('decides commands of one stream one after the other and sends them in one commit', async () => {
    const { store, pipeline, message } = setUp();
    const id = newId();
    const results = await Promise.all([
      pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 100 })),
      ...Array.from({ length: 10 }, () => pipeline.execute(message(pay, id, { amount: 10 }))),
    ]);
    expect(results.map(({ revision }) => revision)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await expect(pipeline.execute(message(pay, id, { amount: 1 }))).rejects.toThrow(RuleViolation);
    expect(store.calls).toHaveLength(1);
  });

  it('meets writers of other processes with a reload and a new decision', async () => {
    const { pipeline, other, message, events } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 3 }));
    const tries = Array.from({ length: 10 }, (_, i) =>
      (i % 2 ? pipeline : other).execute(message(pay, id, { amount: 1 })).then(
        () => 'paid',
        (error: RuleViolation) => error.rule,
      ),
    );
    expect((await Promise.all(tries)).toSorted()).toEqual([...Array(7).fill('is-covered'), 'paid', 'paid', 'paid']);
    expect(await events()).toHaveLength(4);
  });

  it('stores one command once, however often and wherever it comes', async () => {
    const { pipeline, other, message, keyed, events } = setUp();
    const id = newId();
    const one = message(openAccount, id, { owner: 'Ada', limit: 3 }, keyed(newId(), 'body'));
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? pipeline : other).execute(one)));
    results.push(await pipeline.execute(one), await other.execute(one));
    for (const result of results) expect(result).toMatchObject({ id, revision: 0, position: 1n, events: 1 });
    expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(await events()).toEqual(['t.account.opened']);
    const reused = { ...one, input: { owner: 'Eve', limit: 9 }, fingerprint: fingerprint('other body') };
    await expect(pipeline.execute(reused)).rejects.toThrow(KeyReused);
    await expect(other.execute(reused)).rejects.toThrow(KeyReused);
  });

  it('says of one of fifty parallel repeats that it stored the event, also where none is stored', async () => {
    const { pipeline, other, message, keyed } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 300 }));
    for (const amount of [1, 0]) {
      const one = message(pay, id, { amount }, keyed(newId(), 'pay'));
      const results = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? pipeline : other).execute(one)));
      expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1);
    }
  });

  it('shares no refusal with a parallel command that asks for something else under the key', async () => {
    const { pipeline, message, keyed, events } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 3 }));
    const key = newId();
    const stale = message(pay, id, { amount: 1 }, { ...keyed(key, 'pay 1'), expectedRevision: 7 });
    const free = message(pay, id, { amount: 1 }, keyed(key, 'pay 1'));
    const [refused, paying, again] = await Promise.allSettled(
      [stale, free, free].map((each) => pipeline.execute(each)),
    );
    expect(refused).toMatchObject({ reason: expect.any(StaleRevision) });
    expect(paying).toMatchObject({ value: { revision: 1, repeated: false } });
    expect(again).toMatchObject({ value: { revision: 1, repeated: true } });

    const other = newId();
    const settled = await Promise.allSettled([
      pipeline.execute(message(pay, id, { amount: 100 }, keyed(other, 'pay 100'))),
      pipeline.execute(message(pay, id, { amount: 1 }, keyed(other, 'pay 1'))),
      pipeline.execute(message(pay, id, { amount: 2 }, keyed(other, 'pay 2'))),
    ]);
    // The first used no key, for nothing of it was stored; the second did.
    expect(settled[0]).toMatchObject({ reason: expect.any(RuleViolation) });
    expect(settled[1]).toMatchObject({ value: { revision: 2, repeated: false } });
    expect(settled[2]).toMatchObject({ reason: expect.any(KeyReused) });
    expect(await events()).toHaveLength(3);
  });

  it('remembers a command that changed nothing, though it would change something later', async () => {
    const { pipeline, message, keyed, events } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 3 }));
    const nothing = message(pay, id, { amount: 0 }, keyed(newId(), 'nothing'));
    const first = await pipeline.execute(nothing);
    expect(first).toMatchObject({ revision: 0, events: 0, repeated: false });
    await pipeline.execute(message(pay, id, { amount: 1 }));
    expect(await pipeline.execute({ ...nothing, input: { amount: 1 } })).toEqual({ ...first, repeated: true });
    expect(await events()).toHaveLength(2);
  });

  it('writes to both streams or to none', async () => {
    const { store, pipeline, message } = setUp();
    const [from, to] = [newId(), newId()];
    await pipeline.execute(message(openAccount, from, { owner: 'Ada', limit: 3 }));
    await expect(pipeline.execute(message(pay, from, { amount: 1, to }))).rejects.toThrow('to-is-open');
    await pipeline.execute(message(openAccount, to, { owner: 'Eve', limit: 0 }));
    const result = await pipeline.execute(message(pay, from, { amount: 2, to }));
    expect(result).toMatchObject({ revision: 1, position: 4n, events: 2 });
    expect(await store.readStream({ aggregate: 'account', aggregateId: to })).toMatchObject([
      { subject: to },
      { data: '{"amount":2}', subject: to },
    ]);
  });

  it('keeps the order of commands on a stream also where one has to wait before it is refused', async () => {
    const { pipeline, message } = setUp();
    const id = newId();
    const settled = await Promise.allSettled([
      pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 10 })),
      pipeline.execute(message(pay, id, { amount: 8 })),
      // Refused while the two before are under way; what comes after must not be decided before it.
      pipeline.execute(message(pay, id, { amount: 8 })),
      pipeline.execute(message(pay, id, { amount: -6 })),
      pipeline.execute(message(pay, id, { amount: 8 })),
    ]);
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('does not refuse on a state that another process has moved on from', async () => {
    const { pipeline, other, message } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 1 }));
    await other.execute(message(pay, id, { amount: -9 }));
    expect(await pipeline.execute(message(pay, id, { amount: 10 }))).toMatchObject({ revision: 2 });
    await other.execute(message(pay, id, { amount: -1 }));
    const exact = message(pay, id, { amount: 1 }, { expectedRevision: 3 });
    expect(await pipeline.execute(exact)).toMatchObject({ revision: 4 });
  });

  it('stores nothing that depends on an event which then is not stored', async () => {
    const { pipeline, other, message, balances } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 10 }));
    await other.execute(message(pay, id, { amount: 10 }));
    // The pipeline knows nothing of that payment. The withdrawal counts on the deposit, whose revision is taken.
    await Promise.all([-100, 100].map((amount) => pipeline.execute(message(pay, id, { amount }))));
    expect(await balances(id)).toEqual([10, 0, 100, 0]);
  });

  it('accepts nothing on a looked-at state that another process has moved on from', async () => {
    const { pipeline, other, message, events } = setUp();
    const [id, guarantor] = [newId(), newId()];
    await pipeline.execute(message(openAccount, guarantor, { owner: 'Eve', limit: 5 }));
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 1 }));
    await pipeline.execute(message(lend, id, { amount: 2, guarantor }));
    await other.execute(message(pay, guarantor, { amount: 5 }));
    // This pipeline holds the guarantor as it was before that payment.
    await expect(pipeline.execute(message(lend, id, { amount: 2, guarantor }))).rejects.toThrow('is-guaranteed');
    expect(await events()).toHaveLength(4);
  });

  it('gives no refusal on a state whose staleness an append under way hides', async () => {
    const { pipeline, other, message } = setUp();
    const [id, guarantor] = [newId(), newId()];
    await pipeline.execute(message(openAccount, guarantor, { owner: 'Eve', limit: 1 }));
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 1 }));
    await other.execute(message(pay, guarantor, { amount: -9 }));
    // The payment takes the revision that the other process has taken: asked after it, the store knows nothing newer.
    const lending = pipeline.execute(message(lend, id, { amount: 5, guarantor }));
    const paying = pipeline.execute(message(pay, guarantor, { amount: 1 }));
    expect(await lending).toMatchObject({ revision: 1 });
    expect(await paying).toMatchObject({ revision: 2 });
  });

  it('keeps the order of commands on a stream while the first of them loads what it refers to', async () => {
    const { pipeline, other, message } = setUp();
    const [id, guarantor] = [newId(), newId()];
    await other.execute(message(openAccount, guarantor, { owner: 'Eve', limit: 5 }));
    const opening = pipeline.execute(message(openBacked, id, { guarantor }));
    const paying = pipeline.execute(message(pay, id, { amount: 5 }));
    expect(await opening).toMatchObject({ revision: 0 });
    expect(await paying).toMatchObject({ revision: 1 });
  });

  it('tells another command under the key of one that changed nothing', async () => {
    const { pipeline, message, keyed } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 3 }));
    const key = newId();
    const nothing = message(pay, id, { amount: 0 }, keyed(key, 'nothing'));
    expect(await pipeline.execute(nothing)).toMatchObject({ events: 0, repeated: false });
    expect(await pipeline.execute(nothing)).toMatchObject({ events: 0, repeated: true });
    const more = message(pay, id, { amount: 0 }, keyed(key, 'nothing of another kind'));
    await expect(pipeline.execute(more)).rejects.toThrow(KeyReused);
  });

  it('says that there is nothing where a command does not create, and takes no event that is too large', async () => {
    const { pipeline, message, events } = setUp();
    const id = newId();
    await expect(pipeline.execute(message(pay, id, { amount: 1 }))).rejects.toThrow(NotFound);
    const deposit = { ...pay, mayBegin: true, decide: () => paid({ amount: 1 }) };
    expect(await pipeline.execute(message(deposit, newId(), { amount: 1 }))).toMatchObject({ revision: 0 });
    const tooLarge = message(openAccount, id, { owner: '那'.repeat(3 * 1024 * 1024), limit: 1 });
    await expect(pipeline.execute(tooLarge)).rejects.toThrow('the command is too large');
    expect(await events()).toEqual(['t.account.paid']);
    expect(await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 1 }))).toMatchObject({ revision: 0 });
  });

  it('refuses a stale revision', async () => {
    const { pipeline, message } = setUp();
    const id = newId();
    await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 3 }));
    const stale = message(pay, id, { amount: 1 }, { expectedRevision: 4 });
    await expect(pipeline.execute(stale)).rejects.toThrow(StaleRevision);
    const results = [0, 0, 0].map((expectedRevision) =>
      pipeline.execute(message(pay, id, { amount: 1 }, { expectedRevision })).then(
        () => 'won',
        (error: Error) => error.constructor.name,
      ),
    );
    expect((await Promise.all(results)).toSorted()).toEqual(['StaleRevision', 'StaleRevision', 'won']);
  });

  it('gives no refusal that depends on an append which then fails', async () => {
    const { store, pipeline, message, events } = setUp();
    const id = newId();
    let letGo!: () => void;
    store.gate = new Promise((resolve) => (letGo = resolve));
    store.fail = new Error('disk full');
    const first = pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 3 }));
    const second = pipeline.execute(message(openAccount, id, { owner: 'Eve', limit: 4 }));
    letGo();
    await expect(first).rejects.toThrow('disk full');
    expect(await second).toMatchObject({ revision: 0 });
    expect(await events()).toEqual(['t.account.opened']);
  });

  it('stores nothing that looked at a registration which then fails', async () => {
    const { store, pipeline, message, events } = setUp();
    const [from, to] = [newId(), newId()];
    await pipeline.execute(message(openAccount, from, { owner: 'Ada', limit: 3 }));
    refuseData(store, 'Eve');
    const registering = pipeline.execute(message(openAccount, to, { owner: 'Eve', limit: 0 }));
    const paying = pipeline.execute(message(pay, from, { amount: 1, to }));
    await expect(registering).rejects.toThrow('bad data');
    await expect(paying).rejects.toThrow('to-is-open');
    expect(await events()).toEqual(['t.account.opened']);
  });

  it('does not call its own events a repeat when the answer of the append was lost', async () => {
    const { store, pipeline, other, message, keyed, events } = setUp();
    const append = store.append.bind(store);
    let lost = 0;
    store.isTransient = () => true;
    store.append = async (requests) => {
      const outcomes = await append(requests);
      if (lost++ === 0) throw new Error('connection lost');
      return outcomes;
    };
    const one = message(openAccount, newId(), { owner: 'Ada', limit: 3 }, keyed(newId(), 'body'));
    expect(await pipeline.execute(one)).toMatchObject({ revision: 0, position: 1n, events: 1, repeated: false });
    expect(await other.execute(one)).toMatchObject({ revision: 0, position: 1n, events: 1, repeated: true });
    lost = 0;
    expect(await pipeline.execute(message(pay, one.id, { amount: 1 }))).toMatchObject({ revision: 1, repeated: false });
    expect(await events()).toHaveLength(2);
  });

  it('calls it a repeat when another process stored the command while the connection was lost', async () => {
    const { store, pipeline, other, message, keyed, events } = setUp();
    const one = message(openAccount, newId(), { owner: 'Ada', limit: 3 }, keyed(newId(), 'body'));
    const append = store.append.bind(store);
    store.isTransient = () => true;
    store.append = async () => {
      store.append = append;
      expect(await other.execute(one)).toMatchObject({ repeated: false });
      throw new Error('connection lost');
    };
    expect(await pipeline.execute(one)).toMatchObject({ position: 1n, repeated: true });
    expect(await events()).toHaveLength(1);
  });

  it('fails only the request whose data the store refuses', async () => {
    const { store, pipeline, message } = setUp();
    refuseData(store, '666');
    const results = await Promise.allSettled(
      [1, 666, 2].map((limit) => pipeline.execute(message(openAccount, newId(), { owner: 'Ada', limit }))),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  describe('business time', () => {
    const minutesAfter = (date: Date, minutes: number) => new Date(date.getTime() + minutes * 60_000);

    it('refuses what is dated before the step that it changes, also where another process stored that', async () => {
      const { pipeline, other, message, events } = setUp();
      const [id, to] = [newId(), newId()];
      const dated = (definition: CommandDefinition, on: string, input: any, day: string) =>
        message(definition, on, input, { occurredAt: new Date(`2026-01-${day}T12:00:00Z`) });
      await pipeline.execute(dated(openAccount, id, { owner: 'Ada', limit: 9 }, '05'));
      await other.execute(dated(pay, id, { amount: 1 }, '07'));
      await pipeline.execute(dated(openAccount, to, { owner: 'Ben', limit: 9 }, '09'));
      const { length } = await events();
      for (const [input, day, words] of [
        [{ amount: 1 }, '06', `the last step of account-${id}, dated 2026-01-07T12:00:00.000Z`],
        [{ amount: 1 }, '04', `the beginning of account-${id}, dated 2026-01-05T12:00:00.000Z`],
        [{ amount: 1, to }, '08', `the beginning of account-${to}, dated 2026-01-09T12:00:00.000Z`],
      ] as const) {
        const refusal = { rule: 'date-in-order', message: expect.stringContaining(words) };
        await expect(pipeline.execute(dated(pay, id, input, day))).rejects.toMatchObject(refusal);
        await expect(other.execute(dated(pay, id, input, day))).rejects.toMatchObject(refusal);
      }
      await expect(pipeline.execute(dated(lend, id, { amount: 1, guarantor: to }, '08'))).rejects.toMatchObject({
        rule: 'date-in-order',
      });
      expect(await events()).toHaveLength(length);
      await pipeline.execute(dated(pay, id, { amount: 1, to }, '09'));
      expect(await events()).toHaveLength(length + 2);
    });

    it('refuses what is ahead of the clock by more than the tolerance', async () => {
      const clock = new TestClock();
      const { make, message, events } = setUp();
      const pipeline = make(clock);
      const at = (minutes: number) =>
        message(openAccount, newId(), { owner: 'Ada', limit: 1 }, { occurredAt: minutesAfter(clock.now(), minutes) });
      await expect(pipeline.execute(at(5.001))).rejects.toMatchObject({ rule: 'date-not-ahead' });
      await expect(pipeline.execute(at(36 * 365 * 1440))).rejects.toMatchObject({ rule: 'date-not-ahead' });
      await pipeline.execute(at(5));
      expect(await events()).toHaveLength(1);
    });

    it('dates what nobody dated after what a faster clock has dated', async () => {
      const { make, store, message } = setUp();
      const clock = new TestClock();
      const fast = new TestClock(minutesAfter(clock.now(), 2));
      const id = newId();
      await make(fast).execute(message(openAccount, id, { owner: 'Ada', limit: 9 }));
      await make(clock).execute(message(pay, id, { amount: 1 }));
      const dates = (await store.readStream({ aggregate: 'account', aggregateId: id })).map(
        ({ occurredAt }) => occurredAt,
      );
      expect(dates).toEqual([fast.now(), fast.now()]);
      // A clock that is wrong by more dates nothing else.
      fast.set(minutesAfter(clock.now(), 6));
      await make(fast).execute(message(pay, id, { amount: 1 }));
      await expect(make(clock).execute(message(pay, id, { amount: 1 }))).rejects.toMatchObject({
        rule: 'date-in-order',
      });
    });

    it('answers the repeat of a command whose document has moved on since', async () => {
      const { pipeline, message, keyed } = setUp();
      const id = newId();
      const on = (day: string) => ({ occurredAt: new Date(`2026-01-${day}T12:00:00Z`) });
      await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 9 }, on('05')));
      const paying = message(pay, id, { amount: 1 }, { ...keyed(newId(), 'body'), ...on('06') });
      await pipeline.execute(paying);
      await pipeline.execute(message(pay, id, { amount: 1 }, on('07')));
      expect(await pipeline.execute(paying)).toMatchObject({ repeated: true });
    });

    it('does not refuse by a date that failed to be stored', async () => {
      const { store, pipeline, message, events } = setUp();
      const id = newId();
      const on = (day: string) => ({ occurredAt: new Date(`2026-01-${day}T12:00:00Z`) });
      await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 999 }, on('05')));
      refuseData(store, '666');
      const [fails, holds] = await Promise.allSettled([
        pipeline.execute(message(pay, id, { amount: 666 }, on('09'))),
        pipeline.execute(message(pay, id, { amount: 1 }, on('07'))),
      ]);
      expect([fails.status, holds.status]).toEqual(['rejected', 'fulfilled']);
      expect(await events()).toHaveLength(2);
    });
  });

  describe('with a codec that has to fetch something for each subject', () => {
    const fetching = (store: SlowStore) => {
      const codec = new FetchingCodec(plaintext([opened, paid]));
      return { codec, pipeline: new CommandPipeline({ store, codec }) };
    };

    it('prepares whom a stream that begins will be about, and keeps the order of its commands', async () => {
      const { store, message, balances } = setUp();
      const { codec, pipeline } = fetching(store);
      const [one, two] = [newId(), newId()];
      const results = await Promise.all([
        pipeline.execute(message(openAccount, one, { owner: 'Ada', limit: 10 })),
        pipeline.execute(message(openAccount, two, { owner: 'Eve', limit: 0 })),
        ...[1, 2, 3].map((amount) => pipeline.execute(message(pay, one, { amount }))),
        pipeline.execute(message(pay, one, { to: two, amount: 4 })),
      ]);
      expect(results.map(({ revision }) => revision)).toEqual([0, 0, 1, 2, 3, 4]);
      expect(await balances(one)).toEqual([10, 9, 7, 4, 0]);
      expect(codec.fetches.flat().toSorted()).toEqual([one, two].toSorted());
    });

    it('prepares the streams that it loads', async () => {
      const { store, pipeline: first, message, balances } = setUp();
      const [one, two] = [newId(), newId()];
      await first.execute(message(openAccount, one, { owner: 'Ada', limit: 10 }));
      await first.execute(message(openAccount, two, { owner: 'Eve', limit: 0 }));
      await fetching(store).pipeline.execute(message(pay, one, { to: two, amount: 4 }));
      expect(await balances(one)).toEqual([10, 6]);
    });

    it('tells a repeat from another body under its key, while the subject has a key', async () => {
      const { store, message, keyed } = setUp();
      const [id, key] = [newId(), newId()];
      const asked = { owner: 'Ada', limit: 1 };
      const first = await fetching(store).pipeline.execute(message(openAccount, id, asked, keyed(key, 'body')));
      const { pipeline } = fetching(store);
      const again = await pipeline.execute(message(openAccount, id, asked, keyed(key, 'body')));
      expect(again).toEqual({ ...first, repeated: true });
      await expect(pipeline.execute(message(openAccount, id, asked, keyed(key, 'other')))).rejects.toThrow(KeyReused);
    });

    it('answers a repeat uncompared once the key of its subject is gone, with events or without', async () => {
      const { store, message, keyed, events } = setUp();
      const [id, opening, idle] = [newId(), newId(), newId()];
      const asked = { owner: 'Ada', limit: 1 };
      const { pipeline: first } = fetching(store);
      const stored = await first.execute(message(openAccount, id, asked, keyed(opening, 'body')));
      const nothing = await first.execute(message(pay, id, { amount: 0 }, keyed(idle, 'nothing')));
      expect(nothing.events).toBe(0);
      const { codec, pipeline } = fetching(store);
      codec.gone.add(id);
      for (const body of ['body', 'other']) {
        const again = await pipeline.execute(message(openAccount, id, asked, keyed(opening, body)));
        expect(again).toEqual({ ...stored, repeated: true });
        const idleAgain = await pipeline.execute(message(pay, id, { amount: 0 }, keyed(idle, body)));
        expect(idleAgain).toMatchObject({ events: 0, repeated: true });
      }
      expect(await events()).toHaveLength(1);
    });

    it('keeps no fingerprint of a command about somebody whose key is gone, and answers its repeat', async () => {
      const { store, message, keyed } = setUp();
      const [id, key] = [newId(), newId()];
      const { codec, pipeline } = fetching(store);
      codec.gone.add(id);
      await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 1 }, keyed(key, 'body')));
      expect((await store.receipts([key])).get(key)).toMatchObject({ fingerprint: null, subject: id });
      const again = await pipeline.execute(message(openAccount, id, { owner: 'Ada', limit: 1 }, keyed(key, 'body')));
      expect(again.repeated).toBe(true);
    });
  });
});
