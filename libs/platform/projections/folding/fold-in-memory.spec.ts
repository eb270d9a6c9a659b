import { describe, expect, it } from '@jest/globals';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { foldInMemory, tableNameOf } from './fold-in-memory.js';
import { append, change, projection } from '../definition/projection.js';

@Entity('tallies')
class Tally {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('integer') bucket!: number;
  @Column('integer') count!: number;
}
class Stranger {
  subject!: string;
}

const event = (type: string, bucket: number): RecordedEvent => ({
  id: '',
  stream: 's-1',
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
const tally = (fold: (row: Tally | undefined) => Tally | null, table: any = Tally) =>
  projection({
    name: 'tally',
    version: 1,
    tables: [Tally],
    on: [
      [
        'counted',
        ({ subject, data }) =>
          change<Tally>(
            table,
            {
              subject,
              bucket: data.bucket,
            },
            fold,
          ),
        1,
      ],
    ],
  });
const counting = tally((row) => ({ ...(row as Tally), count: (row?.count ?? 0) + 1 }));

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
      if (row) row.count++;
      return row ?? { subject: '', bucket: 0, count: 1 };
    });
    expect(() => foldInMemory(spoiling, [event('counted', 1), event('counted', 1)])).toThrow(TypeError);
    const straying = tally(() => null, Stranger);
    expect(() => foldInMemory(straying, [event('counted', 1)])).toThrow('tally changes Stranger');
    expect(() => tableNameOf(Stranger)).toThrow('no @Entity decorator');
  });

  it('refuses to change a row that was appended, and to append where rows change', () => {
    const one = { name: 'tally', version: 1, tables: [Tally], on: [] };
    const key = { subject: 'a', bucket: 1 };
    const changing = projection({ ...one, appendOnly: [Tally], any: () => change<Tally>(Tally, key, () => null) });
    expect(() => foldInMemory(changing, [event('counted', 1)])).toThrow('Tally is append-only: append to it');
    const appending = projection({ ...one, any: () => append(Tally, key, { ...key, count: 1 }) });
    expect(() => foldInMemory(appending, [event('counted', 1)])).toThrow('Tally is not append-only: change it');
  });
});
