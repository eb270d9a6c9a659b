import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { foldInMemory } from './fold-in-memory.js';
import { count, integer } from '../definition/columns.js';
import { projection } from '../definition/projection.js';
import { table, type RowOf } from '../definition/table.js';

const Tally = table('tallies', { about: 'Tallies', columns: { bucket: integer().key(), count: count() } });
type Tally = RowOf<typeof Tally>;
const Stranger = table('strangers', {
  about: 'Of another projection',
  columns: { bucket: integer().key(), count: count() },
});

const event = (type: string, bucket: number): RecordedEvent => ({
  id: '',
  aggregate: 's',
  aggregateId: '1',
  revision: 0,
  position: 1n,
  type,
  schemaVersion: 1,
  subject: 'a',
  commandId: '',
  occurredAt: new Date(0),
  recordedAt: new Date(0),
  meta: { actor: '' },
  data: { bucket },
});
const tally = (fold: (row: Tally | undefined) => Tally | null, table = Tally) =>
  projection({
    name: 'tally',
    version: 1,
    tables: [Tally],
    on: [['counted', ({ subject, data }) => table.change({ subject, bucket: data.bucket }, fold), 1]],
  });
const counting = tally((row) => ({ ...row!, count: (row?.count ?? 0) + 1 }));

describe('folding in memory', () => {
  it('gives the rows by table, sorted by key as the database sorts, the key filled in', () => {
    const events = [event('counted', 10), event('counted', 9), event('counted', 10), event('other', 1)];
    expect(foldInMemory(counting, events)).toEqual(
      new Map([
        [
          'tallies',
          [
            { subject: 'a', bucket: 9, count: 1 },
            { subject: 'a', bucket: 10, count: 2 },
          ],
        ],
      ]),
    );
  });

  it('deletes a row that becomes null', () => {
    const toggling = tally((row) => (row ? null : { subject: '', bucket: 0, count: 1 }));
    expect(foldInMemory(toggling, [event('counted', 1), event('counted', 1)]).get('tallies')).toEqual([]);
  });

  it('refuses a fold that changes its row in place, and a table that is not the projection’s', () => {
    const spoiling = tally((row) => {
      if (row) (row as { count: number }).count++;
      return row ?? { subject: '', bucket: 0, count: 1 };
    });
    expect(() => foldInMemory(spoiling, [event('counted', 1), event('counted', 1)])).toThrow(TypeError);
    const straying = tally(() => null, Stranger);
    expect(() => foldInMemory(straying, [event('counted', 1)])).toThrow('tally changes strangers');
  });

  it('refuses to change a row that was appended, and to append where rows change', () => {
    const one = { name: 'tally', version: 1, tables: [Tally], on: [] };
    const key = { subject: 'a', bucket: 1 };
    const changing = projection({ ...one, appendOnly: [Tally], any: () => Tally.change(key, () => null) });
    expect(() => foldInMemory(changing, [event('counted', 1)])).toThrow('tallies is append-only: append to it');
    const appending = projection({ ...one, any: () => Tally.append(key, { ...key, count: 1 }) });
    expect(() => foldInMemory(appending, [event('counted', 1)])).toThrow('tallies is not append-only: change it');
  });
});
