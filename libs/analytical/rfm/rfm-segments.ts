/** The named segments, best first. */
export const segmentNames = [
  'champions',
  'loyal',
  'potential-loyalist',
  'new',
  'promising',
  'need-attention',
  'about-to-sleep',
  'at-risk',
  'cannot-lose',
  'hibernating',
  'lost',
] as const;
export type SegmentName = (typeof segmentNames)[number];

type Scores = readonly number[];
const any: Scores = [1, 2, 3, 4, 5];

/** A block of cells: every combination of these scores. */
interface Block {
  readonly segment: SegmentName;
  readonly r: Scores;
  readonly f: Scores;
  readonly m: Scores;
}

/**
 * Which segment a cell of recency, frequency and monetary scores belongs to. Raise the version with any change:
 * answers name it, so that two counts can be told apart. The blocks cover all 125 cells once, held by a test.
 */
export const segmentMap = {
  name: 'eleven-segments',
  version: 1,
  blocks: [
    { segment: 'champions', r: [4, 5], f: [4, 5], m: [4, 5] },
    { segment: 'loyal', r: [4, 5], f: [4, 5], m: [1, 2, 3] },
    { segment: 'loyal', r: [4, 5], f: [3], m: [4, 5] },
    { segment: 'loyal', r: [3], f: [4, 5], m: any },
    { segment: 'potential-loyalist', r: [4, 5], f: [3], m: [1, 2, 3] },
    { segment: 'potential-loyalist', r: [4, 5], f: [2], m: any },
    { segment: 'new', r: [5], f: [1], m: any },
    { segment: 'promising', r: [4], f: [1], m: any },
    { segment: 'need-attention', r: [3], f: [3], m: any },
    { segment: 'need-attention', r: [3], f: [1, 2], m: [3, 4, 5] },
    { segment: 'about-to-sleep', r: [3], f: [1, 2], m: [1, 2] },
    { segment: 'cannot-lose', r: [1, 2], f: [4, 5], m: [4, 5] },
    { segment: 'at-risk', r: [1, 2], f: [4, 5], m: [1, 2, 3] },
    { segment: 'at-risk', r: [1, 2], f: [3], m: any },
    { segment: 'at-risk', r: [1, 2], f: [1, 2], m: [4, 5] },
    { segment: 'hibernating', r: [2], f: [1, 2], m: [1, 2, 3] },
    { segment: 'lost', r: [1], f: [1, 2], m: [1, 2, 3] },
  ] satisfies Block[] as readonly Block[],
};

/** Place of a cell in `segmentCells`, from 0. */
export const cellOf = (r: number, f: number, m: number): number => (r - 1) * 25 + (f - 1) * 5 + (m - 1);

/** The segments of all cells, in the order of `cellOf`. @throws Error when a cell has none or two. */
export function segmentCells(blocks: readonly Block[] = segmentMap.blocks): SegmentName[] {
  const cells: (SegmentName | undefined)[] = Array.from({ length: 125 });
  for (const { segment, r: rs, f: fs, m: ms } of blocks) {
    for (const r of rs) {
      for (const f of fs) {
        for (const m of ms) {
          const cell = cellOf(r, f, m);
          if (cells[cell]) throw new Error(`cell ${r}${f}${m} is in ${cells[cell]} and in ${segment}`);
          cells[cell] = segment;
        }
      }
    }
  }
  const missing = cells.findIndex((cell) => !cell);
  if (missing >= 0) throw new Error(`cell number ${missing} is in no segment`);
  return cells as SegmentName[];
}
