import { describe, expect, it } from '@jest/globals';
import { cellOf, segmentCells, segmentMap, segmentNames } from './rfm-segments.js';

const at = (r: number, f: number, m: number) => segmentCells()[cellOf(r, f, m)];

describe('the map of RFM segments', () => {
  it('covers all 125 cells once', () => {
    const size = segmentMap.blocks.reduce((sum, { r, f, m }) => sum + r.length * f.length * m.length, 0);
    expect(size).toBe(125);
    expect(segmentCells()).toHaveLength(125);
  });

  it('uses each of the eleven names', () => {
    expect(new Set(segmentCells())).toEqual(new Set(segmentNames));
  });

  it('puts the corners where their names say', () => {
    expect([at(5, 5, 5), at(1, 1, 1), at(5, 1, 1), at(1, 5, 5), at(1, 5, 1)]).toEqual([
      'champions',
      'lost',
      'new',
      'cannot-lose',
      'at-risk',
    ]);
  });

  it('refuses a map with a cell in two segments, or in none', () => {
    const [first, ...rest] = segmentMap.blocks;
    expect(() => segmentCells([first!, ...segmentMap.blocks])).toThrow('is in champions and in champions');
    expect(() => segmentCells(rest)).toThrow('in no segment');
  });
});
