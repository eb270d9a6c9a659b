import { describe, expect, it } from '@jest/globals';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { projection, type TableClass } from './projection.js';

@Entity('by_city')
class ByCity {
  @PrimaryColumn('text') city!: string;
  @PrimaryColumn('uuid') subject!: string;
}
@Entity('totals')
class Totals {
  @PrimaryColumn('text') currency!: string;
  @Column('uuid') subject!: string;
}
@Entity('by_name')
class ByName {
  @PrimaryColumn('text') subject!: string;
}
@Entity('by_subject')
class BySubject {
  @PrimaryColumn('uuid') subject!: string;
  @PrimaryColumn('text') currency!: string;
}

const defined = (table: TableClass) => projection({ name: 'things', version: 1, tables: [table], on: [] });

describe('a projection', () => {
  it.each([ByCity, Totals, ByName])('is refused with a row key without its subject in front: %p', (table) => {
    expect(() => defined(table)).toThrow(`things: the key of ${table.name} does not begin with the subject`);
  });

  it('is taken with one', () => {
    expect(defined(BySubject).tables).toEqual([BySubject]);
  });
});
