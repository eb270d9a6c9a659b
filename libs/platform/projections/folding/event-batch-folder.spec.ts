import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { DecodedEvents } from './decoded-events.js';
import { EventBatchFolder } from './event-batch-folder.js';
import { bigint, json, text } from '../definition/columns.js';
import { on, projection } from '../definition/projection.js';
import { table } from '../definition/table.js';
import { Ages, type TableRows } from './row-cache.js';
import { describeTables } from '../tables/describe-tables.js';
import type { Row } from '../tables/table-shape.js';

const Note = table('notes', { about: 'Notes', columns: { text: text(), tags: json(z.array(z.string())) } });
const NoteLine = table('note_lines', { about: 'Lines', columns: { position: bigint().key(), text: text() } });

const noted = defineEvent({ type: 't.notes.noted', version: 1, fields: { text: open(z.string()) } });
const noteProjection = projection({
  name: 'notes',
  version: 1,
  tables: [Note, NoteLine],
  appendOnly: [NoteLine],
  on: [
    on(noted, ({ subject, position, data: { text } }) => [
      Note.change({ subject }, (row) => ({ subject, text, tags: [...(row?.tags ?? []), text] })),
      NoteLine.append({ subject, position }, { subject, position, text }),
    ]),
  ],
});

describe('folding', () => {
  let position = 0n;
  const event = (text: string, subject = newId()): StoredEvent => ({
    ...{
      position: ++position,
      aggregate: 'note',
      aggregateId: subject,
      revision: 0,
      id: newId(),
      type: noted.type,
      schemaVersion: 1,
    },
    ...{
      occurredAt: new Date(0),
      recordedAt: new Date(0),
      subject,
      commandId: newId(),
      ordinal: 0,
      meta: { actor: '' },
    },
    ...{ data: JSON.stringify({ text }), personalData: null },
  });
  const folding = async (bulk: boolean, stored: readonly Row[] = []) => {
    const shapes = describeTables(noteProjection);
    const made = new EventBatchFolder({
      projection: noteProjection,
      shapes,
      decoded: new DecodedEvents(plaintext([noted])),
      load: async (shape, keys) =>
        shape.name === 'notes' ? stored.filter(({ subject }) => keys.some((key) => key['subject'] === subject)) : [],
      parked: { subjects: [], events: 0, bytes: 0 },
      discarded: new Set(),
      ages: new Ages(100),
      bulk,
    });
    const tables = (made as unknown as { tables: Map<unknown, TableRows & Record<string, Map<string, unknown>>> })
      .tables;
    const notes = tables.get(Note)!;
    const held = () => notes['young']!.size + notes['old']!.size;
    return { made, held };
  };
  const BIG = 'x'.repeat(20 * 1024);

  it.each([
    ['in a rebuild', true],
    ['live', false],
  ])('counts rows by their size, those that wait to be written and those that are held (%s)', async (_when, bulk) => {
    const { made, held } = await folding(bulk);
    await made.fold(Array.from({ length: 10 }, () => event('small')));
    expect(made.pending).toBeLessThanOrEqual(20);
    made.take().written();
    for (let i = 0; i < 20; i++) {
      await made.fold([event(BIG)]);
      // The note: its text, and the same again as a tag.
      expect(made.pending).toBeGreaterThanOrEqual(40);
      made.take().written();
    }
    // Half of the capacity, in each of two ages, and the row that filled it.
    expect(held()).toBeLessThanOrEqual(6);
  });

  it('counts rows that were read by their size', async () => {
    const stored = Array.from({ length: 20 }, () => ({ subject: newId(), text: BIG, tags: [BIG] }));
    const { made, held } = await folding(false, stored);
    for (const { subject } of stored) {
      await made.fold([event('small', subject)]);
      made.take().written();
    }
    expect(held()).toBeLessThanOrEqual(6);
  });

  it('notices a row that small events have made large', async () => {
    const { made } = await folding(false);
    const subject = newId();
    for (let i = 0; i < 640; i++) {
      await made.fold([event('x'.repeat(100), subject)]);
      if (i < 600) made.take().written();
    }
    expect(made.pending).toBeGreaterThan(55);
  });

  it('sets aside an event without its data', async () => {
    const { made } = await folding(false);
    const broken = { ...event(BIG), data: '{"text":7}' };
    await made.fold([{ ...broken, data: `${' '.repeat(1_000_000)}{` }]);
    const { deadLetters } = made.take();
    expect(deadLetters).toMatchObject([{ event: { position: broken.position, type: noted.type }, cause: true }]);
    expect(JSON.stringify({ ...deadLetters[0]!.event, position: 0 }).length).toBeLessThan(500);
  });
});
