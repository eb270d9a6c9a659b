import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expected, KurrentLog, type Write } from './kurrent-log.js';

const STREAMS = ['a', 'b', 'c'];

interface Step {
  /** What each stream is to be at: as it is, one off, or anything. */
  readonly checks: readonly { readonly stream: number; readonly state: 'right' | 'wrong' | 'any' }[];
  /** Which of the streams each event goes to. */
  readonly events: readonly number[];
  /** Instead, an earlier write again. */
  readonly repeats?: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  checks: fc.uniqueArray(
    fc.record({
      stream: fc.nat(STREAMS.length - 1),
      state: fc.constantFrom('right', 'right', 'wrong', 'any') as never,
    }),
    { selector: ({ stream }: { stream: number }) => stream, minLength: 1 },
  ) as fc.Arbitrary<Step['checks']>,
  events: fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }),
  repeats: fc.option(fc.nat(9), { nil: undefined }),
});

const ours = (log: KurrentLog) => log.records.filter(({ stream }) => !stream.startsWith('$'));

describe('the log of the double', () => {
  it('does all of a write or none, gives each event one place, and answers what comes again as it did', () => {
    const reached = { written: 0, refused: 0, repeated: 0 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const log = new KurrentLog({ systemEventEvery: 7 });
        const done: { write: Write; answer: unknown }[] = [];
        let ids = 0;
        for (const { checks, events, repeats } of steps) {
          const before = ours(log).length;
          if (repeats !== undefined && done.length > 0) {
            const { write, answer } = done[repeats % done.length]!;
            expect(log.write(write)).toEqual(answer);
            expect(ours(log)).toHaveLength(before);
            reached.repeated++;
            continue;
          }
          const write: Write = {
            streams: checks.map(({ stream, state }) => {
              const last = BigInt(log.stream(STREAMS[stream]!).length) - 1n;
              const right = state === 'any' ? expected.any : last;
              return { stream: STREAMS[stream]!, expected: state === 'wrong' ? last + 1n : right };
            }),
            events: events.map((event) => ({
              ...{
                id: `id-${ids++}`,
                type: 'noted',
                isJson: true,
                data: Buffer.from('{}'),
                metadata: new Uint8Array(),
              },
              streamIndex: event % checks.length,
            })),
          };
          const answer = log.write(write);
          if (checks.some(({ state }) => state === 'wrong')) {
            reached.refused++;
            expect(answer.kind).toBe('failed');
            expect(ours(log)).toHaveLength(before);
            continue;
          }
          reached.written++;
          expect(answer.kind).toBe('written');
          expect(
            ours(log)
              .slice(before)
              .map(({ id }) => id),
          ).toEqual(write.events.map(({ id }) => id));
          expect((answer as { position: bigint }).position).toBe(ours(log).at(-1)!.position);
          done.push({ write, answer });
        }
        for (const [i, { position }] of log.records.entries()) {
          if (i > 0) expect(position > log.records[i - 1]!.position).toBe(true);
          expect(log.indexAt(position)).toBe(i);
          expect([log.isBoundary(position), log.isBoundary(position + 1n)]).toEqual([true, false]);
        }
        for (const stream of STREAMS) {
          expect(log.stream(stream).map(({ revision }) => revision)).toEqual(log.stream(stream).map((_, i) => i));
        }
      }),
      { numRuns: 100 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(60);
  });

  it('knows a write to any revision again only as long as it is recent', () => {
    const log = new KurrentLog({ recentIds: 4 });
    const write = (id: string) =>
      log.write({
        streams: [{ stream: 'a', expected: expected.any }],
        events: [
          { id, type: 'noted', isJson: true, data: Buffer.from('{}'), metadata: new Uint8Array(), streamIndex: 0 },
        ],
      });
    const first = write('1');
    expect(write('1')).toEqual(first);
    for (const id of ['2', '3', '4', '5']) write(id);
    expect(log.stream('a')).toHaveLength(5);
    write('1');
    expect(log.stream('a')).toHaveLength(6);
  });
});
