import { describe, expect, it } from '@jest/globals';
import type { Group } from './grouping.js';
import { IdsAhead } from './ids-ahead.js';
import type { Ids } from './mapping.js';
import type { Server } from './server.js';

/** A server whose answers come when they are let go. */
function setUp(options: { held?: boolean } = {}) {
  const requests: string[][][] = [];
  const taken: [line: number, ids: Ids][] = [];
  const held: (() => void)[] = [];
  let answer = (words: string[][]): unknown => ({ ids: words.map((list) => `id of ${list.join('/')}`) });
  const server = {
    post: async (_path: string, body: string) => {
      const { words } = JSON.parse(body);
      requests.push(words);
      if (options.held) await new Promise<void>((resolve) => held.push(resolve));
      return answer(words);
    },
    strange: (given: unknown) => new Error(`strange: ${JSON.stringify(given)}`),
  } as unknown as Server;
  const ahead = new IdsAhead({
    server,
    addWords: ({ lines }, words) => {
      for (const { cells } of lines) if (cells['key']) words.add(JSON.stringify(['t', cells['key']]));
    },
    onReady: async ({ lines }, ids) => void taken.push([lines[0]!.number, ids]),
  });
  return { requests, taken, held, ahead, answers: (made: typeof answer) => (answer = made) };
}

const group = (number: number, key: string, more: Partial<Group> = {}): Group => ({
  key,
  lines: [{ number, cells: { key } }],
  ...more,
});

describe('ids asked for ahead', () => {
  it('come to each group in its order, many in one request and each list once', async () => {
    const { ahead, requests, taken } = setUp();
    for (let i = 0; i < 1200; i++) await ahead.add(group(i + 2, `k${i % 300}`));
    await ahead.drain();
    expect(taken.map(([number]) => number)).toEqual(Array.from({ length: 1200 }, (_, i) => i + 2));
    for (const [number, ids] of taken) {
      const key = `k${(number - 2) % 300}`;
      expect(ids.get(JSON.stringify(['t', key]))).toBe(`id of t/${key}`);
    }
    expect(requests.map(({ length }) => length)).toEqual([300, 300, 200]);
  });

  it('are not asked for where none is needed, nor for a group that cannot be read', async () => {
    const { ahead, requests, taken } = setUp();
    for (let i = 0; i < 600; i++) await ahead.add(group(i + 2, ''));
    await ahead.add(group(700, 'k', { broken: 3 }));
    await ahead.drain();
    expect([requests, taken.length]).toEqual([[], 601]);
  });

  it('hold two bunches at most, and say the first line of what is held', async () => {
    const { ahead, taken, held } = setUp({ held: true });
    for (let i = 0; i < 500; i++) await ahead.add(group(i + 2, `k${i}`));
    for (let i = 500; i < 999; i++) await ahead.add(group(i + 2, `k${i}`));
    expect([ahead.firstLine(), taken.length]).toEqual([2, 0]);
    let added = false;
    const third = ahead.add(group(1001, 'last')).then(() => (added = true));
    await new Promise(setImmediate);
    expect(added).toBe(false);
    held[0]!();
    await third;
    expect([taken.length, ahead.firstLine()]).toEqual([500, 502]);
    const done = ahead.drain();
    held[1]!();
    await done;
    expect([taken.length, ahead.firstLine()]).toEqual([1000, Infinity]);
  });

  it('go by the size of groups too, in what is held and in what is sent', async () => {
    const { ahead, requests, taken } = setUp();
    const long = 'x'.repeat(900);
    const lines = Array.from({ length: 1200 }, (_, i) => ({ number: i + 2, cells: { key: `${long}${i}` } }));
    await ahead.add({ key: 'a', lines });
    await ahead.add({ key: 'b', lines: [{ number: 9000, cells: { key: 'b' } }] });
    await ahead.drain();
    expect(taken.map(([number]) => number)).toEqual([2, 9000]);
    expect(requests.flat()).toHaveLength(1201);
    for (const words of requests) expect(JSON.stringify(words).length).toBeLessThan(250_000);
  });

  it.each<[string, unknown]>([
    ['too few', { ids: [] }],
    ['something else', { data: 1 }],
    ['that it is too much', 'too-large'],
  ])('stop the import where the server answers %s', async (_what, strange) => {
    const { ahead, answers, taken } = setUp();
    answers(() => strange);
    await ahead.add(group(2, 'k'));
    await expect(ahead.drain()).rejects.toThrow('strange: ');
    await ahead.idle();
    expect(taken).toEqual([]);
  });
});
