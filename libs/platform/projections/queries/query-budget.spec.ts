import { describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { TooManyAtOnce, TooManyHeavyQueries } from '#platform/kernel/errors.js';
import { QueryBudget } from './query-budget.js';

/** Work that ends when it is told to. */
function held(): { run: () => Promise<string>; end: () => void; started: () => boolean } {
  let end!: () => void;
  let started = false;
  const done = new Promise<string>((resolve) => (end = () => resolve('done')));
  const run = (): Promise<string> => {
    started = true;
    return done;
  };
  return { run, end, started: () => started };
}

describe('the budget of heavy queries', () => {
  it('runs so many at once, and others in the order in which they came', async () => {
    const budget = new QueryBudget({ running: 2, waiting: 2 });
    const works = [held(), held(), held(), held()];
    const running = works.map((work) => budget.run(work.run));
    expect(works.map((work) => work.started())).toEqual([true, true, false, false]);
    works[1]!.end();
    await running[1];
    expect(works.map((work) => work.started())).toEqual([true, true, true, false]);
    for (const { end } of works) end();
    expect(await Promise.all(running)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('refuses what finds the queue full, and takes it when there is room again', async () => {
    const budget = new QueryBudget({ running: 1, waiting: 1 });
    const [first, second] = [held(), held()];
    const running = [budget.run(first.run), budget.run(second.run)];
    await expect(budget.run(async () => 'third')).rejects.toBeInstanceOf(TooManyHeavyQueries);
    first.end();
    second.end();
    await Promise.all(running);
    expect(await budget.run(async () => 'third')).toBe('third');
  });

  it('refuses what has waited too long, and hands its turn to nobody', async () => {
    const budget = new QueryBudget({ running: 1, waiting: 5, timeoutMs: 20 });
    const first = held();
    const running = budget.run(first.run);
    const late = held();
    await expect(budget.run(late.run)).rejects.toBeInstanceOf(TooManyHeavyQueries);
    first.end();
    await running;
    expect(late.started()).toBe(false);
    expect(await budget.run(async () => 'next')).toBe('next');
  });

  it('gives one sender some of its places, and others the first turn that is free', async () => {
    const budget = new QueryBudget({ running: 1, waiting: 8, ofEach: 3 });
    const works = [held(), held(), held(), held()];
    const greedy = works.slice(0, 3).map((work) => budget.run(work.run, undefined, 'greedy'));
    await expect(budget.run(async () => 'a fourth', undefined, 'greedy')).rejects.toBeInstanceOf(TooManyAtOnce);
    const other = budget.run(works[3]!.run, undefined, 'other');
    works[0]!.end();
    await greedy[0];
    // Nothing of the greedy one runs any more, and it came first.
    expect(works.map((work) => work.started())).toEqual([true, true, false, false]);
    const again = held();
    const more = budget.run(again.run, undefined, 'greedy');
    works[1]!.end();
    await greedy[1];
    works[2]!.end();
    await greedy[2];
    for (const { end } of [...works, again]) end();
    expect(await Promise.all([other, more])).toEqual(['done', 'done']);
    expect(await budget.run(async () => 'and again', undefined, 'greedy')).toBe('and again');
  });

  it('never runs one sender on the last place, and lets who has nothing running go first', async () => {
    const budget = new QueryBudget({ running: 2, waiting: 8, ofEach: 4 });
    const works = [held(), held(), held(), held(), held()];
    const senders = ['greedy', 'greedy', 'greedy', 'other', 'third'];
    const running = works.map((work, at) => budget.run(work.run, undefined, senders[at]));
    expect(works.map((work) => work.started())).toEqual([true, false, false, true, false]);
    works[0]!.end();
    await running[0];
    // The greedy one came before, and has nothing running now.
    expect(works.map((work) => work.started())).toEqual([true, true, false, true, false]);
    works[3]!.end();
    await running[3];
    expect(works.map((work) => work.started())).toEqual([true, true, false, true, true]);
    for (const { end } of works) end();
    expect(await Promise.all(running)).toEqual(Array.from({ length: 5 }, () => 'done'));
    expect(await budget.run(async () => 'next', undefined, 'greedy')).toBe('next');
  });

  it('keeps its places when queries fail, and when those who wait go away', async () => {
    const budget = new QueryBudget({ running: 1, waiting: 1 });
    await expect(budget.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    const first = held();
    const running = budget.run(first.run);
    const gone = new AbortController();
    const waiting = budget.run(async () => 'nobody asks any more', gone.signal);
    gone.abort(new Error('the client left'));
    await expect(waiting).rejects.toThrow('the client left');
    const third = budget.run(async () => 'third');
    first.end();
    expect(await running).toBe('done');
    expect(await third).toBe('third');
    await sleep(0);
    expect(await budget.run(async () => 'fourth')).toBe('fourth');
  });
});
