import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { projection } from '../definition/projection.js';
import { HeavyNeeded, query } from '../definition/query.js';
import { DefinitionChanged, type PastAsk } from './past-reads.js';
import { Past } from './past.js';
import type { Point } from './point.js';
import { TooMuchToFold } from './too-much-to-fold.js';

const visits = projection({ name: 'visits', version: 2, tables: [], on: [] });
const asked = query({
  name: 'Visits',
  version: 3,
  summary: 'Visits',
  route: 'GET /v1/visits',
  parameters: z.strictObject({ contact: z.string().optional() }),
  answer: z.string(),
  reads: [visits],
  about: ({ contact }) => (contact === undefined ? undefined : Promise.resolve([contact])),
  run: async () => 'answer',
});
const point: Point = {
  log: { id: 'log', incarnation: 1 },
  partitions: 1,
  now: new Date(0),
  through: 5n,
  vectors: new Map(),
};
const made = (query: number, projected: number): Point => ({
  ...point,
  versions: { query: { name: 'Visits', version: query }, projections: new Map([['visits', projected]]) },
});

/** Where a question is answered. */
async function answeredBy(ask: Partial<PastAsk>, folding: () => void = () => {}): Promise<string> {
  const past = new Past(
    {
      asOf: async () => {
        folding();
        return 'folded' as any;
      },
    },
    { asOf: async () => 'snapshot' as any },
  );
  return past.asOf({ query: asked, parameters: {}, point, waitMs: 0, ...ask }, async () => 'work');
}

describe('questions about the past', () => {
  it('about some are folded, about everybody read from a snapshot', async () => {
    expect(await answeredBy({ parameters: { contact: 'ada' } })).toBe('folded');
    expect(await answeredBy({})).toBe('snapshot');
  });

  it('that take too much to fold are read from a snapshot', async () => {
    const tooMuch = () => {
      throw new TooMuchToFold('10,001 events');
    };
    expect(await answeredBy({ parameters: { contact: 'ada' } }, tooMuch)).toBe('snapshot');
    const changed = () => {
      throw new DefinitionChanged('otherwise');
    };
    await expect(answeredBy({ parameters: { contact: 'ada' } }, changed)).rejects.toThrow('otherwise');
  });

  it('that look at everybody take their turn, and those that find out that they must are read from a snapshot', async () => {
    const parameters = { contact: 'ada' };
    const turns: string[] = [];
    const turn = async <T>(work: () => Promise<T>): Promise<T> => {
      turns.push('turn');
      return work();
    };
    expect(await answeredBy({ parameters, turn })).toBe('folded');
    expect(turns).toEqual(['turn']);
    const light = { ...asked, heavy: false };
    expect(await answeredBy({ query: light, parameters, turn })).toBe('folded');
    expect(turns).toEqual(['turn']);
    const everybody = () => {
      throw new HeavyNeeded();
    };
    expect(await answeredBy({ query: light, parameters, turn }, everybody)).toBe('snapshot');
  });

  it('that other code answered are for snapshots of then', async () => {
    const parameters = { contact: 'ada' };
    expect(await answeredBy({ parameters, point: made(3, 2) })).toBe('folded');
    expect(await answeredBy({ parameters, point: made(2, 2) })).toBe('snapshot');
    expect(await answeredBy({ parameters, point: made(3, 1) })).toBe('snapshot');
  });
});
