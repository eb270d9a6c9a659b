import { describe, expect, it } from '@jest/globals';
import { derivedId, newId } from '#platform/kernel/ids.js';
import type { AppendRequest, StreamRevision } from '../event-store.js';
import { planOf } from './append-plan.js';
import { Names } from './names.js';

const names = new Names('yad');
const stream = (word: string) => ({ aggregate: 'thing', aggregateId: derivedId(word) });
const request = (word: string, from: number, count = 1, readSet?: StreamRevision[]): AppendRequest => ({
  commandId: newId(),
  fingerprint: null,
  readSet,
  events: Array.from({ length: count }, (_, i) => ({
    id: newId(),
    ...stream(word),
    revision: from + i,
    type: 'test.thing.happened',
    schemaVersion: 1,
    occurredAt: new Date(0),
    subject: derivedId(word),
    data: '{}',
    personalData: null,
    meta: { actor: 'spec' },
  })),
});
const plan = (...requests: AppendRequest[]) => planOf(names, requests, 0, new Set());

describe('the plan of a batch', () => {
  it('names each stream once, as it is before the batch, and the events last, in their order', () => {
    const [one, two] = [request('a', 3, 2), request('a', 5, 1, [{ ...stream('b'), revision: -1 }])];
    const { records, expected } = plan(one, two)!;
    expect(expected.filter(({ of }) => of === 'events')).toEqual([
      { of: 'events', ...stream('a'), revision: 2 },
      { of: 'events', ...stream('b'), revision: -1 },
    ]);
    const ids = [...one.events, ...two.events].map(({ id }) => id);
    expect(records.slice(-3).map(({ record }) => record.id)).toEqual(ids);
    expect(records).toHaveLength(5);
  });

  it('is none where requests contradict each other', () => {
    expect(plan(request('a', 0), request('a', 0))).toBeUndefined();
    expect(plan(request('a', 0), request('a', 2))).toBeUndefined();
    // One looked at a stream before the other moved it, but stands behind it.
    expect(plan(request('a', 0), request('b', 0, 1, [{ ...stream('a'), revision: -1 }]))).toBeUndefined();
    const twice = request('a', 0);
    expect(plan(twice, { ...request('b', 0), commandId: twice.commandId })).toBeUndefined();
  });

  it('takes what the batch itself has brought for what a later request saw', () => {
    expect(plan(request('a', 0), request('b', 0, 1, [{ ...stream('a'), revision: 0 }]))).toBeDefined();
  });
});
