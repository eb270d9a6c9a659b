import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProjectionGroup } from '#platform/projections/running/projection-group.js';
import {
  broken,
  counted,
  counts,
  noted,
  PARTITIONS,
  refusedText,
  subjectOf,
  tags,
  timeline,
  World,
  feed as deliver,
} from './fixture.js';

let world: World;
beforeEach(async () => {
  broken.clear();
  world = await World.create();
});
afterEach(() => world.close());

const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function happen(events: number, from = 0): Promise<void> {
  for (let i = from; i < from + events; i++) {
    const what = i % 13 === 0 ? 'cleared' : i % 5 === 0 ? 'noted' : 'counted';
    await world.happen({ subject: i % 17, what, day: i % 3, amount: i });
  }
}

async function feed(group: ProjectionGroup, after = 0n): Promise<void> {
  await deliver(group, { messages: await world.messages(after), partitions: all });
}

describe('a rebuild', () => {
  it('gives the rows that live has, and is swapped in; what comes after goes to the new build', async () => {
    const group = await world.group(counts(), timeline());
    await happen(500);
    await feed(group);
    const before = [await world.rows('counts_by_day'), await world.rows('entries')];
    expect(before[0]!.length).toBeGreaterThan(30);
    const admin = await world.admin(counts(), timeline());
    const progress: bigint[] = [];
    const results = await admin.rebuild([], {
      pageSize: 64,
      flushRows: 40,
      onProgress: ({ position }) => progress.push(position),
    });
    expect(results.map(({ comparison, swapped, generation }) => [comparison, swapped, generation])).toEqual([
      [
        { equal: true, rows: { counts_by_day: expect.anything(), amounts_by_day: expect.anything() }, differences: [] },
        true,
        2,
      ],
      [{ equal: true, rows: { entries: { left: 500, right: 500 } }, differences: [] }, true, 2],
    ]);
    expect(progress).toHaveLength(8);
    expect([await world.rows('counts_by_day'), await world.rows('entries')]).toEqual(before);
    await happen(100, 500);
    await feed(group, 500n);
    const { rows } = await world.pool.query<any>(
      `select (select count(*)::int from rm_test_timeline_g1.entries) as old, (select count(*)::int from rm_test_timeline_g2.entries) as new`,
    );
    expect(rows).toEqual([{ old: 500, new: 600 }]);
    expect((await admin.verify('test-counts')).equal).toBe(true);
    // Keys that were left out while the build was filled, and secondary indexes, are there.
    const keys = await world.pool.query<any>(
      `select conrelid::regclass::text as table from pg_constraint
        where contype = 'p' and connamespace::regnamespace::text like 'rm_test_%_g2' order by 1`,
    );
    expect(await world.astray()).toBe(0);
    expect(keys.rows.map(({ table }: any) => table)).toEqual([
      'rm_test_counts_g2.amounts_by_day',
      'rm_test_counts_g2.counts_by_day',
      'rm_test_timeline_g2.entries',
    ]);
    const indexes = await world.pool.query(
      `select 1 from pg_indexes where schemaname = 'rm_test_counts_g2' and indexname = 'counts_total'`,
    );
    expect(indexes.rowCount).toBe(1);
  });

  it('brings a new version live, and the old one back', async () => {
    const old = await world.group(counts(1));
    await happen(200);
    await feed(old);
    const admin2 = await world.admin(counts(2));
    const [result] = await admin2.rebuild();
    expect(result).toMatchObject({ comparison: null, swapped: true });
    expect((await world.rows('counts_by_day'))[0]).toContain('v2:');
    await happen(50, 200);
    const group2 = await world.group(counts(2));
    await feed(group2, 200n);
    const second = await world.rows('counts_by_day');
    const admin1 = await world.admin(counts(1));
    await admin1.swapBack('test-counts');
    // Swapped back, it has what came meanwhile.
    expect(await world.rows('counts_by_day')).toEqual(second.map((row) => row.replaceAll('v2:', 'v1:')));
    await admin2.swapBack('test-counts');
    expect(await world.rows('counts_by_day')).toEqual(second);
  });

  it('shows where live rows are not what the log says', async () => {
    const group = await world.group(counts());
    await happen(100);
    await feed(group);
    const admin = await world.admin(counts());
    await world.pool.query(
      `update rm_test_counts_g1.counts_by_day set total = total + 0.01 where (subject, day) = (select subject, day from rm_test_counts_g1.counts_by_day order by 1, 2 limit 1)`,
    );
    const { equal, differences } = await admin.verify('test-counts');
    expect(equal).toBe(false);
    expect(differences).toHaveLength(1);
    expect(differences[0]!.left).not.toBe(differences[0]!.right);
    // The copy is gone again.
    expect(await admin.builds('test-counts')).toHaveLength(1);
    const [kept] = await admin.rebuild();
    expect(kept!.swapped).toBe(false);
    const [swapped] = await admin.rebuild([], { acceptDifferences: { reason: 'live was touched by hand' } });
    expect(swapped).toMatchObject({ swapped: true, generation: kept!.generation });
    expect((await admin.verify('test-counts')).equal).toBe(true);
  });

  it('goes on where it was stopped', async () => {
    const group = await world.group(timeline());
    await happen(400);
    await feed(group);
    const admin = await world.admin(timeline());
    const stop = new AbortController();
    const rebuilding = admin.rebuild([], {
      pageSize: 50,
      flushRows: 20,
      signal: stop.signal,
      onProgress: ({ position }) => position >= 200n && stop.abort(new Error('stopped')),
    });
    await expect(rebuilding).rejects.toThrow('stopped');
    let first: bigint | undefined;
    const [result] = await admin.rebuild([], { pageSize: 50, onProgress: ({ position }) => (first ??= position) });
    expect(first).toBe(250n);
    expect(result).toMatchObject({ generation: 2, swapped: true, comparison: { equal: true } });
  });

  it('parks what it cannot fold, as live does', async () => {
    broken.add('0.41');
    const group = await world.group(counts());
    await happen(60);
    await world.append(3, counted({ amount: '99999999999999', day: '2026-01-01' }));
    await happen(60, 60);
    await feed(group);
    const admin = await world.admin(counts());
    const before = await admin.deadLetters();
    expect(before.filter(({ cause }) => cause)).toHaveLength(2);
    const [result] = await admin.rebuild([], { pageSize: 16, flushRows: 5 });
    expect(result!.comparison!.differences).toEqual([]);
    const without = (letters: typeof before): unknown[] => letters.map((letter) => ({ ...letter, parkedAt: null }));
    expect(without(await admin.deadLetters())).toEqual(without(before));
    broken.clear();
    await admin.retry('test-counts', subjectOf(41 % 17));
    expect(await admin.deadLetters({ subject: subjectOf(41 % 17) })).toEqual([]);
  });

  it('parks what the database refuses, as live does', async () => {
    const group = await world.group(tags());
    for (let i = 0; i < 200; i++) {
      await world.append(i % 7, noted({ text: i === 60 || i === 130 ? refusedText : `tag ${i % 3}` }));
    }
    await feed(group);
    const admin = await world.admin(tags());
    const before = await admin.deadLetters();
    expect(before.filter(({ cause }) => cause).map(({ position }) => position)).toEqual([61n]);
    const [result] = await admin.rebuild([], { pageSize: 16, flushRows: 5 });
    expect(result!.comparison).toMatchObject({ equal: true, differences: [] });
    const positions = (await admin.deadLetters()).map(({ position, cause }) => [position, cause]);
    expect(positions).toEqual(before.map(({ position, cause }) => [position, cause]));
    await admin.discard('test-tags', subjectOf(60 % 7), 'first');
    expect((await admin.deadLetters({ causesOnly: true })).map(({ position }) => position)).toEqual([131n]);
  });

  it('builds as of any position', async () => {
    const group = await world.group(counts());
    await happen(90);
    await feed(group);
    const then = await world.rows('counts_by_day');
    await happen(90, 90);
    await feed(group, 90n);
    const admin = await world.admin(counts());
    const build = await admin.asOf('test-counts', 90n, 'scratch_march');
    const { rows } = await world.pool.query<any>(`select t::text as row from scratch_march.counts_by_day t order by 1`);
    expect(rows.map(({ row }: any) => row)).toEqual(then);
    await expect(admin.asOf('test-counts', 181n, 'scratch_future')).rejects.toThrow('the log ends at 180');
    await admin.drop('test-counts', build.generation);
    await expect(admin.drop('test-counts', 1)).rejects.toThrow('is live');
  });

  it('swaps and swaps back under traffic without a reader seeing an event go', async () => {
    const group = await world.group(timeline());
    const admin = await world.admin(timeline());
    const run = { done: false };
    let fed = 0n;
    const traffic = (async () => {
      for (let i = 0; !run.done; i++) {
        await happen(3, i * 3);
        await feed(group, fed);
        fed = (await world.store.head()).position;
      }
    })();
    let most = 0;
    const reader = (async () => {
      while (!run.done) {
        const { rows } = await world.pool.query<any>(`select count(*)::int as n from analytics.entries`);
        expect(rows[0].n).toBeGreaterThanOrEqual(most);
        most = rows[0].n;
      }
    })();
    await sleep(100);
    for (let i = 0; i < 3; i++) {
      const [result] = await admin.rebuild();
      expect(result).toMatchObject({ swapped: true, comparison: { equal: true } });
      await admin.swapBack('test-timeline');
    }
    run.done = true;
    await Promise.all([traffic, reader]);
    await feed(group, 0n);
    expect(await world.rows('entries')).toHaveLength(Number((await world.store.head()).position));
    expect((await admin.verify('test-timeline')).equal).toBe(true);
  });
});
