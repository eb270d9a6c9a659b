import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { queries } from '#analytical/index.js';
import type { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { answerDiffQueries } from '#platform/differences/diff.queries.js';
import { FoldedReads } from '#platform/projections/as-of/folded-reads.js';
import type { FoldBounds } from '#platform/projections/as-of/too-much-to-fold.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { Progress } from '#platform/projections/running/progress.js';
import { CustomerHistory } from '../../fixtures/customer-history.fixture.js';
import { idOf } from '../../fixtures/read-models.fixture.js';
import { codec, Filled, now, pointAt, storeOf } from '../projections/filled.js';

describe('what changed of a customer of whom there is too much to be folded', () => {
  let live: Filled;
  let store: MemoryEventStore;
  let head: bigint;
  /** Events about her. */
  let hers: number;
  beforeAll(async () => {
    live = await Filled.create();
    const history = new CustomerHistory();
    history.sell('1', idOf('ann'), '2026-01-03', '10');
    history.sell('2', idOf('ann'), '2026-01-04', '5');
    store = await storeOf(history.events);
    head = BigInt(history.events.length);
    hers = history.events.filter(({ subject }) => subject === idOf('ann')).length;
    await live.fill(store, pointAt(store, head));
  });
  afterAll(() => live?.close());

  const compared = (from: bigint, bounds: Partial<FoldBounds>): Promise<any> => {
    const freshness = new Progress({ pool: live.pool, store });
    const folded = new FoldedReads({ read: live.read, store, decoded: new DecodedEvents(codec), freshness, bounds });
    const diff = answerDiffQueries({ store, codec, folded }, queries).find(({ name }) => name === 'DiffCustomer360')!;
    const pointOf = async (text: string) => pointAt(store, BigInt(text));
    return diff.run({ id: idOf('ann'), from: String(from) }, { now, through: head, pointOf });
  };

  it('is refused, naming the point by which there is too much', async () => {
    const most = hers - 1;
    const detail = (pointer: string) => ({
      kind: 'invalid-input',
      issues: [{ pointer, message: `is a point by which there is too much to be compared: more than ${most} events` }],
    });
    await expect(compared(1n, { events: most })).rejects.toMatchObject(detail('/to'));
    await expect(compared(head, { events: most })).rejects.toMatchObject(detail('/from'));
    expect((await compared(1n, { events: most + 1 })).events.length).toBeGreaterThan(0);
  });

  it('is not asked by itself without what understands points', async () => {
    const folded = { asOf: () => Promise.reject(new Error('nothing is read')) };
    const [diff] = answerDiffQueries({ store, codec, folded }, queries);
    await expect(diff!.run({ id: idOf('ann'), from: '0' }, { now, through: head })).rejects.toThrow(
      'a function that understands points, and none is given',
    );
  });
});
