import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Overloaded } from '#platform/kernel/errors.js';
import { newId } from '#platform/kernel/ids.js';
import { Appender } from './appender.js';
import type { AppendOutcome, AppendRequest } from './event-store.js';

const stored: AppendOutcome = { kind: 'stored', position: 1n };
const conflict: AppendOutcome = { kind: 'conflict', stream: { aggregate: 'thing', aggregateId: '1' } };

const aRequest = (...dependsOn: AppendRequest[]): AppendRequest => {
  const id = newId();
  const event = { id, aggregate: 'thing', aggregateId: id, revision: 0, data: '{}', personalData: null };
  return { commandId: id, fingerprint: null, events: [event as AppendRequest['events'][number]], dependsOn };
};
const ofSize = (characters: number): AppendRequest => {
  const request = aRequest();
  request.events[0]!.data = 'x'.repeat(characters);
  return request;
};
const turns = (count: number) => Array.from({ length: count }, () => aRequest());
const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('the appender', () => {
  let calls: { requests: AppendRequest[]; answer(outcomes: AppendOutcome[]): void; fail(error: Error): void }[];
  let appender: Appender;
  beforeEach(() => {
    calls = [];
    appender = new Appender({
      isTransient: (error) => (error as Error).message.startsWith('away'),
      isOutcomeUnknown: (error) => (error as Error).message === 'away: no answer',
      readAll: async () => [],
      append: (requests) =>
        new Promise((answer, fail) => {
          calls.push({ requests, answer, fail });
        }),
    });
  });
  /** Answers one call: all stored, but for those named. */
  const answer = (call: number, refused: AppendRequest[] = []) =>
    calls[call]!.answer(calls[call]!.requests.map((each) => (refused.includes(each) ? conflict : stored)));

  it('sends what came together in one call, and a second one while enough waits', async () => {
    const first = appender.append(aRequest());
    await soon();
    const others = turns(16);
    const appended = others.map((request) => appender.append(request));
    const last = aRequest();
    await soon();
    appended.push(appender.append(last));
    await soon();
    expect(calls.map(({ requests }) => requests.length)).toEqual([1, 16]);
    answer(0);
    answer(1);
    await first;
    await soon();
    expect(calls[2]!.requests).toEqual([last]);
    answer(2);
    expect(await Promise.all(appended)).toEqual(appended.map(() => stored));
    expect(appender.depth).toBe(0);
  });

  it('refuses what it has no room for, by the size of the events that wait', async () => {
    const store = {
      isTransient: () => false,
      isOutcomeUnknown: () => false,
      readAll: async () => [],
      append: (requests: AppendRequest[]) =>
        new Promise<AppendOutcome[]>((answered, fail) => calls.push({ requests, answer: answered, fail })),
    };
    const bounded = new Appender(store, { capacityCharacters: 2_000 });
    const waiting = [bounded.append(ofSize(1_000)), bounded.append(ofSize(1_000))];
    await expect(bounded.append(ofSize(1))).rejects.toThrow(Overloaded);
    await soon();
    answer(0);
    expect(await Promise.all(waiting)).toEqual([stored, stored]);
    const more = bounded.append(ofSize(5_000));
    await soon();
    answer(1);
    expect(await more).toEqual(stored);
  });

  it('holds back what depends on a call under way, and lets the others pass', async () => {
    const base = aRequest();
    const appended = [appender.append(base)];
    await soon();
    const follower = aRequest(base);
    const next = aRequest(follower);
    const others = turns(16);
    for (const request of [follower, next, ...others]) appended.push(appender.append(request));
    await soon();
    expect(calls.map(({ requests }) => requests)).toEqual([[base], others]);
    answer(1);
    await soon();
    expect(calls).toHaveLength(2);
    answer(0);
    await soon();
    expect(calls[2]!.requests).toEqual([follower, next]);
    answer(2);
    expect(await Promise.all(appended)).toEqual(appended.map(() => stored));
  });

  it.each([
    ['is refused', async (base: AppendRequest) => answer(0, [base])],
    ['fails', async () => calls[0]!.fail(new Error('disk full'))],
  ])('refuses what depends on a request that %s, without asking the store', async (_, settle) => {
    const base = aRequest();
    const first = appender.append(base).catch((error: Error) => error.message);
    await soon();
    const follower = aRequest(base);
    const queued = [follower, aRequest(follower)].map((request) => appender.append(request));
    await settle(base);
    expect(await first).toEqual(expect.anything());
    // Also what was decided in the moment before its sender learnt of it.
    queued.push(appender.append(aRequest(follower)));
    expect(await Promise.all(queued)).toEqual(queued.map(() => expect.objectContaining({ kind: 'conflict' })));
    expect(calls).toHaveLength(1);
    expect(appender.depth).toBe(0);
  });

  it('refuses what depends on the one request whose data the store does not take', async () => {
    const [bad, good] = [aRequest(), aRequest()];
    const appended = [bad, aRequest(bad), good].map((request) => appender.append(request).catch(() => 'failed'));
    await soon();
    calls[0]!.fail(new Error('bad data'));
    await soon();
    calls[1]!.fail(new Error('bad data'));
    await soon();
    expect(calls[2]!.requests).toEqual([good]);
    answer(2);
    expect(await Promise.all(appended)).toEqual(['failed', expect.objectContaining({ kind: 'conflict' }), stored]);
  });

  it('waits without work while all depends on what is under way', async () => {
    const base = aRequest();
    const appended = [appender.append(base)];
    await soon();
    let previous = base;
    for (let i = 0; i < 40; i++) appended.push(appender.append((previous = aRequest(previous))));
    await soon();
    const looks = jest.spyOn(globalThis, 'setImmediate');
    await soon();
    expect(looks).not.toHaveBeenCalled();
    looks.mockRestore();
    expect(calls).toHaveLength(1);
    answer(0);
    await soon();
    while (calls.length < 2) await soon();
    for (let call = 1; call < calls.length; call++) {
      answer(call);
      await soon();
    }
    expect(await Promise.all(appended)).toHaveLength(41);
    expect(previous.dependsOn).toBeUndefined();
  });

  describe('when the store is away', () => {
    const keyed = (): AppendRequest => ({ ...aRequest(), fingerprint: Buffer.alloc(16) });
    const impatient = (): Appender => {
      const store = {
        isTransient: (error: unknown) => (error as Error).message.startsWith('away'),
        isOutcomeUnknown: (error: unknown) => (error as Error).message === 'away: no answer',
        readAll: async () => [],
        append: (requests: AppendRequest[]) =>
          new Promise<AppendOutcome[]>((done, fail) => calls.push({ requests, answer: done, fail })),
      };
      return new Appender(store, { timeoutMs: 0 });
    };
    const failOnce = async (...messages: string[]) => {
      for (const message of messages) {
        const known = calls.length;
        calls.at(-1)!.fail(new Error(message));
        for (let i = 0; i < 40 && calls.length === known; i++) await soon();
      }
    };

    it('does not tell as refused what may be stored: an answer was lost, and later calls say nothing of it', async () => {
      const patient = impatient();
      const asked = [keyed(), aRequest()];
      const told = Promise.allSettled(asked.map((request) => patient.append(request)));
      await soon();
      await failOnce('away: no answer', 'away: the lock was not free');
      const outcomes = (await told) as PromiseRejectedResult[];
      expect(outcomes.map(({ reason }) => reason.kind)).toEqual(['outcome-unknown', 'outcome-unknown']);
      expect(outcomes[0]!.reason.message).toMatch(/send it again with the same Idempotency-Key/);
      expect(outcomes[1]!.reason.message).toMatch(/had no Idempotency-Key/);
    });

    it('tells as not stored what the store itself has refused each time', async () => {
      const patient = impatient();
      const told = patient.append(keyed()).catch((error: Error) => error.message);
      await soon();
      await failOnce('away: the lock was not free', 'away: the disk is full');
      expect(await told).toBe('away: the disk is full');
    });

    it('sends nothing one by one to a store that was away all along', async () => {
      const patient = impatient();
      const told = Promise.allSettled([1, 2, 3].map(() => patient.append(aRequest())));
      await soon();
      await failOnce('away: no answer', 'away: no answer');
      await told;
      expect(calls).toHaveLength(2);
    });
  });
});
