import { beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { compareStream, type StreamFold } from './compare-stream.js';
import { MOST_CHANGES, MOST_EVENTS_BETWEEN, MOST_EVENTS_OF_ONE } from './diff-answer.js';

const set = defineEvent({ type: 't.board.set', fields: { field: open(z.string()), count: open(z.number()) } });

/** Sets fields, and fills many at once where an event says so. Shows one object that it changes itself. */
function board(): StreamFold {
  const fields: Record<string, number> = {};
  return {
    take: ({ data: { field, count } }) => {
      if (field === 'all') for (let n = 0; n < count; n++) fields[`f${n}`] = n;
      else fields[field] = count;
    },
    show: () => fields,
  };
}

describe('what is compared is bounded', () => {
  const store = new MemoryEventStore();
  const codec = plaintext([set]);
  const stream = { aggregate: 'board', aggregateId: newId() };
  const compare = (from: bigint, to: bigint) => compareStream({ store, codec }, stream, { from, to }, board);

  beforeAll(async () => {
    for (let revision = 0; revision <= MOST_EVENTS_BETWEEN + 1; revision++) {
      const data =
        revision === MOST_EVENTS_BETWEEN + 1 ? { field: 'all', count: 1500 } : { field: 'x', count: revision };
      const event = {
        ...{ id: newId(), ...stream, revision, type: set.type, schemaVersion: 1, subject: stream.aggregateId },
        ...{ occurredAt: new Date(0), data: JSON.stringify(data), personalData: null, meta: { actor: 'a' } },
      };
      await store.append([{ commandId: newId(), fingerprint: null, events: [event] }]);
    }
  });

  it('in the events that lie between, and says so', async () => {
    const most = BigInt(MOST_EVENTS_BETWEEN);
    await expect(compare(0n, most + 1n)).rejects.toThrow(InvalidInput);
    await expect(compare(0n, most + 1n)).rejects.toMatchObject({ issues: [{ pointer: '/to' }] });
    expect((await compare(0n, most))!.events).toHaveLength(MOST_EVENTS_BETWEEN);
  });

  it('in the events that are listed of one change: the latest, and how many came before', async () => {
    const { changes } = (await compare(1n, 301n))!;
    expect(changes).toMatchObject([{ pointer: '/x', before: 0, after: 300, earlierEvents: 300 - MOST_EVENTS_OF_ONE }]);
    expect(changes[0]!.events).toHaveLength(MOST_EVENTS_OF_ONE);
    expect([changes[0]!.events[0], changes[0]!.events.at(-1)]).toEqual(['202', '301']);
  });

  it('in the changes that are listed, and says how many are left out', async () => {
    const last = BigInt(MOST_EVENTS_BETWEEN + 2);
    const { changes, omitted } = (await compare(last - 1n, last))!;
    expect([changes.length, omitted]).toEqual([MOST_CHANGES, 500]);
  });

  it('and is nothing where the aggregate had no event by then', async () => {
    expect(
      await compareStream({ store, codec }, { ...stream, aggregateId: newId() }, { from: 0n, to: 9n }, board),
    ).toBe(undefined);
  });
});
