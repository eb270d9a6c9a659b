import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OffsetCommits, type Offsets } from './offset-commits.js';

let made: [number, string][][];
let answer: () => Promise<void>;
let commits: OffsetCommits;
beforeEach(() => {
  made = [];
  answer = async () => {};
  commits = new OffsetCommits(async (offsets: Offsets) => {
    made.push([...offsets]);
    await answer();
  }, 10);
});
afterEach(() => {
  commits.stop();
  jest.useRealTimers();
});

describe('commits of offsets', () => {
  it('come by themselves when nothing more comes, once', async () => {
    jest.useFakeTimers();
    commits.start();
    commits.set(0, '5');
    commits.set(1, '7');
    commits.set(0, '6');
    await jest.advanceTimersByTimeAsync(100);
    expect(made).toEqual([
      [
        [0, '6'],
        [1, '7'],
      ],
    ]);
  });

  it('are made again after a failure, unless a later one says as much', async () => {
    answer = async () => {
      commits.set(1, '9');
      throw new Error('the coordinator moved');
    };
    commits.set(0, '5');
    commits.set(1, '7');
    await commits.flush();
    answer = async () => {};
    await commits.flush();
    await commits.flush();
    expect(made.slice(1).map((each) => each.toSorted())).toEqual([
      [
        [0, '5'],
        [1, '9'],
      ],
    ]);
  });

  it('are forgotten when the partitions are shared out anew, also those that fail then', async () => {
    answer = async () => {
      commits.forget();
      throw new Error('the group is shared out anew');
    };
    commits.set(0, '5');
    await commits.flush();
    await commits.flush();
    expect(made).toEqual([[[0, '5']]]);
  });

  it('are made one at a time', async () => {
    let open = 0;
    answer = async () => {
      expect(++open).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      open--;
    };
    commits.set(0, '1');
    const first = commits.flush();
    commits.set(0, '2');
    await Promise.all([first, commits.flush(), commits.flush()]);
    expect(made).toEqual([[[0, '1']], [[0, '2']]]);
  });
});
