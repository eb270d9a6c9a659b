import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Point } from '#platform/projections/as-of/point.js';
import { AsOfTokens } from './as-of-tokens.js';
import { keysOfThisProcess } from './cursor-keys/cursor-keys.js';

const position = fc.bigInt({ min: 0n, max: 9_223_372_036_854_775_807n });
const name = fc.string({ minLength: 1, maxLength: 40 });
const version = fc.integer({ min: 0, max: 1_000_000 });
const point: fc.Arbitrary<Point> = fc.integer({ min: 1, max: 12 }).chain((partitions) =>
  fc.record(
    {
      log: fc.record({ id: fc.uuid(), incarnation: fc.integer({ min: 1, max: 2 ** 31 }) }),
      partitions: fc.constant(partitions),
      now: fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
      through: position,
      vectors: fc
        .dictionary(name, fc.array(position, { minLength: partitions, maxLength: partitions }), { maxKeys: 8 })
        .map((entries) => new Map(Object.entries(entries))),
      versions: fc.record({
        query: fc.record({ name, version }),
        projections: fc.dictionary(name, version, { maxKeys: 8 }).map((entries) => new Map(Object.entries(entries))),
      }),
    },
    { requiredKeys: ['log', 'partitions', 'now', 'through', 'vectors'] },
  ),
);

const tokens = new AsOfTokens(keysOfThisProcess());

describe('tokens of points', () => {
  it('give back the very point, and are the same for the same point', async () => {
    await fc.assert(
      fc.asyncProperty(point, async (given) => {
        const token = await tokens.seal(given);
        expect(token).toMatch(/^at_[\w-]+$/);
        expect(await tokens.open(token)).toEqual(given);
        expect(await tokens.seal(given)).toBe(token);
      }),
      { numRuns: 300 },
    );
  });

  it('are short for an answer as most are: seven projections at one place', async () => {
    const names = ['profile', 'aliases', 'timeline', 'orders', 'returns', 'cases', 'relations'];
    const vector = Array.from({ length: 6 }, (_, partition) => 1_234_567n - BigInt(partition) * 40n);
    const token = await tokens.seal({
      log: { id: '0198f3a0-1b2c-7d3e-8f40-123456789abc', incarnation: 1 },
      partitions: 6,
      now: new Date('2026-11-28T12:00:00Z'),
      through: 1_234_567n,
      vectors: new Map(names.map((each) => [each, vector])),
      versions: { query: { name: 'Customer360', version: 1 }, projections: new Map(names.map((each) => [each, 3])) },
    });
    expect(token.length).toBeLessThan(240);
  });

  it('cannot be made up, altered, cut, or read as something else', async () => {
    await fc.assert(
      fc.asyncProperty(point, fc.nat(), fc.nat({ max: 254 }), async (given, place, change) => {
        const token = await tokens.seal(given);
        const bytes = Buffer.from(token.slice(3), 'base64url');
        bytes[place % bytes.length]! ^= change + 1;
        expect(await tokens.open(`at_${bytes.toString('base64url')}`)).toBeUndefined();
        expect(await tokens.open(token.slice(0, -1 - (place % (token.length - 3))))).toBeUndefined();
      }),
    );
    const token = await tokens.seal({
      log: { id: '0198f3a0-1b2c-7d3e-8f40-123456789abc', incarnation: 1 },
      partitions: 1,
      now: new Date(0),
      through: 0n,
      vectors: new Map(),
    });
    for (const wrong of [
      `${token}!`,
      `${token}==`,
      ` ${token}`,
      token.slice(3),
      'at_',
      'at_AAAA',
      `${'at_'.padEnd(9000, 'A')}`,
    ]) {
      expect(await tokens.open(wrong)).toBeUndefined();
    }
    expect(await new AsOfTokens(keysOfThisProcess()).open(token)).toBeUndefined();
  });
});
