import { beforeEach, describe, expect, it } from '@jest/globals';
import { AdoptedPartitions } from './adopted-partitions.js';
import { OverduePartitions, type Look } from './overdue-partitions.js';

let clock: number;
let adopted: AdoptedPartitions;
let overdue: OverduePartitions;
beforeEach(() => {
  clock = 0;
  adopted = new AdoptedPartitions(() => clock);
  overdue = new OverduePartitions(() => clock);
});

const own = new Set([0]);
/** Partition 0 is this process', 1 another's; both have events up to 100. */
const at = (...positions: bigint[]): Look => ({
  head: 100n,
  projectionStatus: {
    checkpoints: new Map([['p', new Map(positions.map((position, partition) => [partition, position]))]]),
    published: {
      position: 100n,
      heads: new Map([
        [0, 99n],
        [1, 100n],
      ]),
    },
  },
});
const look = (before: Look, after: Look): number[] => [
  ...overdue.of({ name: 'p', adopted }, own, before, after).keys(),
];
/** Looks once a second while nothing moves. */
const wait = (seconds: number, still: Look): number[] => {
  let due: number[] = [];
  for (let i = 0; i < seconds; i++) {
    clock += 1_000;
    due = look(still, still);
  }
  return due;
};

describe('partitions that stand still', () => {
  it('are overdue at the second look where they are the own ones, and nothing of what is level', () => {
    expect(look(at(10n, 100n), at(10n, 100n))).toEqual([0]);
    expect(look(at(10n, 100n), at(11n, 100n))).toEqual([]);
    expect(look(at(99n, 100n), at(99n, 100n))).toEqual([]);
  });

  it('are adopted where they are another process’ and have stood still for seconds', () => {
    const still = at(99n, 10n);
    expect(wait(3, still)).toEqual([]);
    expect(wait(3, still)).toEqual([1]);
    expect([...adopted]).toEqual([1]);
    // From then on as the own ones.
    expect(look(still, at(99n, 50n))).toEqual([]);
    expect(look(at(99n, 50n), at(99n, 50n))).toEqual([1]);
  });

  it('are left to the others while those move them', () => {
    for (let position = 10n; position < 50n; position++) {
      clock += 1_000;
      expect(look(at(99n, position), at(99n, position))).toEqual([]);
      clock += 1_000;
      expect(look(at(99n, position), at(99n, position + 1n))).toEqual([]);
    }
  });

  it('are let go of when for long there was nothing to do there, or they are the own ones', () => {
    wait(6, at(99n, 10n));
    clock += 31_000;
    expect(look(at(99n, 10n), at(99n, 100n))).toEqual([]);
    expect([...adopted]).toEqual([]);
    wait(6, at(99n, 10n));
    own.add(1);
    expect(look(at(99n, 10n), at(99n, 10n))).toEqual([1]);
    expect([...adopted]).toEqual([]);
    own.delete(1);
  });

  it('are not adopted again for a while where they could not be written', () => {
    const still = at(99n, 10n);
    expect(wait(6, still)).toEqual([1]);
    adopted.fail();
    expect([...adopted]).toEqual([]);
    expect(wait(29, still)).toEqual([]);
    expect(wait(8, still)).toEqual([1]);
  });
});
