import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { isWhole, LogCheck, type LogReport } from './log-check.js';

/** An event of the stream `s-<id>`. */
const event = (position: number, id: string | number, revision: number): StoredEvent =>
  ({ position: BigInt(position), aggregate: 's', aggregateId: String(id), revision }) as StoredEvent;

const storeOf = (events: readonly StoredEvent[]) => ({
  head: async () => ({ position: events.at(-1)?.position ?? 0n, recordedAt: null }),
  readAll: async ({ after, limit }: { after: bigint; limit: number }) =>
    events.filter(({ position }) => position > after).slice(0, limit),
});

const check = (events: readonly StoredEvent[], legitimate?: ConstructorParameters<typeof LogCheck>[0]) =>
  new LogCheck(legitimate).finish(storeOf(events), { pageSize: 7 });

/** By a plain look at each position and each stream. */
function expected(events: readonly StoredEvent[]): Pick<LogReport, 'holesInAll' | 'streamsInAll' | 'streams'> {
  const there = new Set(events.map(({ position }) => Number(position)));
  let holesInAll = 0;
  for (let at = 1; at <= Math.max(0, ...there); at++)
    if (!there.has(at) && (at === 1 || there.has(at - 1))) holesInAll++;
  const streams: LogReport['streams'][number][] = [];
  for (const [at, { aggregateId, revision, position }] of events.entries()) {
    const after = events.slice(0, at).findLast((each) => each.aggregateId === aggregateId)?.revision ?? -1;
    if (revision !== after + 1) streams.push({ stream: `s-${aggregateId}`, after, next: revision, position });
  }
  return { holesInAll, streamsInAll: streams.length, streams };
}

describe('the check of the log', () => {
  it('finds whatever is taken out of a log, and nothing in one that is whole', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(9), { maxLength: 60 }),
        fc.array(fc.nat(59), { maxLength: 12 }),
        async (streams, taken) => {
          const revisions = new Map<number, number>();
          const whole = streams.map((stream, at) => {
            const revision = revisions.get(stream) ?? 0;
            revisions.set(stream, revision + 1);
            return event(at + 1, stream, revision);
          });
          expect(isWhole(await check(whole))).toBe(true);
          const damaged = whole.filter((_, at) => !taken.includes(at));
          const report = await check(damaged);
          expect(report).toMatchObject(expected(damaged));
          expect(report.events).toBe(damaged.length);
        },
      ),
    );
  });

  it('names the first hundred of many, and counts all', async () => {
    const every = Array.from({ length: 500 }, (_, i) => event(i * 2 + 1, i, 1));
    const report = await check(every);
    expect([report.holes.length, report.holesInAll]).toEqual([100, 499]);
    expect([report.streams.length, report.streamsInAll]).toEqual([100, 500]);
    expect(report.streams[0]).toEqual({ stream: 's-0', after: -1, next: 1, position: 1n });
  });

  it('keeps thousands of streams apart', async () => {
    const events = Array.from({ length: 50_000 }, (_, i) => event(i + 1, i % 20_000, Math.floor(i / 20_000)));
    const taking = new LogCheck();
    taking.take(events);
    expect(isWhole(await taking.finish(storeOf(events)))).toBe(true);
  });

  it('accepts a hole that is said to be right, and no more than that', async () => {
    const events = [event(1, 'a', 0), event(1_000, 'a', 1), event(1_002, 'a', 2)];
    const { holes } = await check(events, [{ from: 2n, to: 999n }]);
    expect(holes).toEqual([{ from: 1_001n, to: 1_001n }]);
    expect((await check(events, [{ from: 3n, to: 999n }])).holesInAll).toBe(2);
  });

  it('says so when the store claims a head that it cannot show', async () => {
    const store = { ...storeOf([event(1, 'a', 0)]), head: async () => ({ position: 5n, recordedAt: null }) };
    await expect(new LogCheck().finish(store)).rejects.toThrow('has nothing after 1');
  });
});
