import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { StreamEvents, StreamSpan } from '#platform/event-store/event-store.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { command } from '#platform/kernel/command.js';
import type { StreamId } from '#platform/kernel/envelope.js';
import { RuleViolation, rule } from '#platform/kernel/errors.js';
import { plaintext, storedForm } from '#test/fixtures/stored-form.fixture.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { AggregateCache } from './aggregate-cache.js';
import { CommandPipeline } from './command-pipeline.js';
import { StateLoader } from './state-loader.js';

const counted = defineEvent({ type: 'counted', fields: { by: open(z.number()) } });
const unknown = defineEvent({ type: 'of-another-build', fields: {} });
const Counter = aggregate<{ sum: number }>()({
  name: 'counter',
  initial: { sum: 0 },
  events: { counted },
  evolve: { counted: ({ sum }, { by }) => ({ sum: sum + by }) },
});
const count = command({
  name: 'Count',
  summary: '',
  on: Counter,
  route: 'POST /counters/:id/count',
  allowed: [],
  input: z.strictObject({ by: z.number() }),
  decide: (_state, { by }) => {
    rule('is-positive', by > 0);
    return counted({ by });
  },
});

/** A store that notes what it is asked for at once. */
class WatchedStore extends MemoryEventStore {
  readonly reads: StreamSpan[][] = [];
  readonly looks: (readonly StreamId[])[] = [];
  onRead = (): void => {};
  override async readStreams(
    spans: readonly StreamSpan[],
    options: { limit: number; bytes?: number },
  ): Promise<StreamEvents[]> {
    this.reads.push([...spans]);
    const found = await super.readStreams(spans, options);
    this.onRead();
    return found;
  }
  override async lastRevisions(streams: readonly StreamId[]): Promise<number[]> {
    this.looks.push(streams);
    return super.lastRevisions(streams);
  }
}

async function setUp(lengths: readonly number[]) {
  const store = new WatchedStore();
  const ids = lengths.map(() => newId());
  await store.append(
    lengths.map((length, at) => ({
      commandId: newId(),
      fingerprint: null,
      events: Array.from({ length }, (_, revision) => ({
        ...{ id: newId(), aggregate: 'counter', aggregateId: ids[at]!, revision, type: 'counted', schemaVersion: 1 },
        ...{ occurredAt: new Date('2026-01-15T12:00:00Z'), subject: ids[at]!, meta: { actor: 'spec' } },
        ...storedForm(counted({ by: 1 })),
      })),
    })),
  );
  const codec = plaintext([counted]);
  const cache = new AggregateCache();
  const loader = new StateLoader(store, codec, cache);
  const pipeline = new CommandPipeline({ store, codec });
  const message = (id: string, by: number) => ({
    definition: count,
    id,
    input: { by },
    commandId: newId(),
    fingerprint: null,
    actor: 'spec',
  });
  return { store, ids, cache, loader, pipeline, message };
}

describe('loading states', () => {
  it('takes few reads for the commands of many streams, and one for those of one stream', async () => {
    const { store, ids, pipeline, message } = await setUp(Array.from({ length: 300 }, () => 2));
    await Promise.all([...ids, ...ids.slice(0, 50)].map((id) => pipeline.execute(message(id, 1))));
    expect(store.reads.length).toBeLessThan(10);
    expect(store.reads.flat()).toHaveLength(300);
    for (const spans of store.reads) expect(spans.length).toBeLessThanOrEqual(256);
  });

  it('reads a long stream on page by page, without keeping the short ones waiting', async () => {
    const { store, ids, loader } = await setUp([3_000, 3, 16]);
    const done: string[] = [];
    const entries = await Promise.all(ids.map((id) => loader.load(Counter, id).finally(() => done.push(id))));
    expect(entries.map(({ state, revision }) => [state.sum, revision])).toEqual([
      [3_000, 2_999],
      [3, 2],
      [16, 15],
    ]);
    expect(done.at(-1)).toBe(ids[0]);
    // Each event is asked for once: a page goes on where the one before has ended.
    const from = store.reads.flat().filter(({ aggregateId }) => aggregateId === ids[0]);
    expect(from.map(({ fromRevision }) => fromRevision)).toEqual([0, 16, 1_016, 2_016]);
  });

  it('fails the stream alone whose events this build does not know', async () => {
    const { store, loader, ids } = await setUp([1, 1]);
    const {
      position: _p,
      recordedAt: _r,
      commandId,
      ordinal: _o,
      ...event
    } = (await store.readStream({ aggregate: 'counter', aggregateId: ids[0]! }))[0]!;
    const strange = { ...event, id: newId(), revision: 1, type: unknown.type };
    await store.append([{ commandId: `${commandId}-2`, fingerprint: null, events: [strange] }]);
    const [first, second] = await Promise.allSettled(ids.map((id) => loader.load(Counter, id)));
    expect(first).toMatchObject({ reason: expect.objectContaining({ name: 'UnknownEventError' }) });
    expect(second).toMatchObject({ value: { revision: 0, subject: ids[1] } });
  });

  it('reads anew what it read before the log lost events', async () => {
    const { store, ids, cache, loader } = await setUp([20, 2]);
    store.onRead = () => {
      store.onRead = () => {};
      store.failOver(5n);
      cache.clear();
    };
    const [entry, lost] = await Promise.all(ids.map((id) => loader.load(Counter, id)));
    expect([entry!.revision, entry!.state.sum, lost!.revision]).toEqual([4, 5, -1]);
  });

  it('tells all commands of a turn when the store cannot be read, and reads again for those that come then', async () => {
    const { store, ids, loader } = await setUp([1, 1]);
    const read = store.readStreams.bind(store);
    store.readStreams = () => Promise.reject(new Error('away'));
    const settled = await Promise.allSettled(ids.map((id) => loader.load(Counter, id)));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    store.readStreams = read;
    expect(await loader.load(Counter, ids[0]!)).toMatchObject({ revision: 0 });
  });

  it('asks once whether the states are those of now, for the refusals of many commands', async () => {
    const { store, ids, pipeline, message } = await setUp(Array.from({ length: 100 }, () => 1));
    const settled = await Promise.allSettled(ids.map((id) => pipeline.execute(message(id, -1))));
    for (const each of settled) expect(each).toMatchObject({ reason: expect.any(RuleViolation) });
    expect(store.looks.flat()).toHaveLength(100);
    expect(store.looks.length).toBeLessThanOrEqual(3);
  });
});
