import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { erased, orErased } from '#platform/kernel/erased.js';
import { masked } from '#platform/kernel/masked.js';
import { maskOf, personalFieldsOf } from './masking.js';

const Point = z.object({ label: z.string().optional(), reach: orErased(z.string()) });
const Person = z.strictObject({
  id: z.string(),
  name: orErased(z.string()).nullable().describe('in full'),
  note: orErased(z.string().optional()),
  points: z.array(orErased(Point)),
  attributes: z.record(z.string(), orErased(z.number())),
  other: z.object({ n: z.number() }).optional(),
});

describe('the mask of a schema', () => {
  it('takes the place of personal values, and leaves all else as it is', () => {
    const person = Object.freeze({
      id: '1',
      name: 'Ada',
      points: Object.freeze([Object.freeze({ label: 'home', reach: 'ada@example.org' }), erased]),
      attributes: Object.freeze({ shoe: 38, hat: erased }),
      other: { n: 1 },
    });
    expect(maskOf(Person)!(person)).toEqual({
      id: '1',
      name: masked,
      points: [{ label: 'home', reach: masked }, erased],
      attributes: { shoe: masked, hat: erased },
      other: { n: 1 },
    });
    // Of the aggregate cache, perhaps.
    expect(person.points[0]).toEqual({ label: 'home', reach: 'ada@example.org' });
  });

  it('leaves absent and null what is not there', () => {
    const nobody = { id: '1', name: null, points: [], attributes: {} };
    expect(maskOf(Person)!(nobody)).toEqual(nobody);
    expect(maskOf(Person)!({ ...nobody, note: undefined })).not.toHaveProperty('note.masked');
  });

  it('is none where nothing is personal', () => {
    expect(maskOf(z.object({ id: z.string(), list: z.array(z.union([z.string(), z.number()])) }))).toBeUndefined();
    expect(personalFieldsOf(Person)).toEqual(['name', 'note', 'points', 'attributes']);
  });

  it('tells the forms of a union apart, and refuses what is of none: nobody knows what is personal in it', () => {
    const events = z.union([
      z.object({ type: z.literal('a'), who: orErased(z.string()) }),
      z.object({ type: z.literal('b'), who: z.string() }),
    ]);
    const mask = maskOf(events)!;
    expect([mask({ type: 'a', who: 'Ada' }), mask({ type: 'b', who: 'all' })]).toEqual([
      { type: 'a', who: masked },
      { type: 'b', who: 'all' },
    ]);
    expect(() => mask({ type: 'c', who: 'Ada' })).toThrow('of no form');
    expect(() => maskOf(z.union([Point, z.object({ n: z.number() })]))).toThrow('needs a literal');
  });

  it('is not made of a schema that it cannot look into', () => {
    expect(() => maskOf(z.object({ all: z.map(z.string(), orErased(z.string())) }))).toThrow('within a map');
  });
});
