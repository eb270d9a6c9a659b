import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createTestDatabase } from '../../../test/support/postgres.js';
import { createPool, isConnectionError, Pipeline } from './pool.js';

describe('a pipeline', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let pipeline: Pipeline;
  beforeEach(async () => {
    database = await createTestDatabase();
    pipeline = new Pipeline(database.url, { role: 'read', applicationName: 'yad pipeline' });
  });
  afterEach(async () => {
    await pipeline.end();
    await database.drop();
  });

  const add = (n: number) => ({ name: 'add', text: 'insert into sums values ($1) returning n', values: [n] });

  it('runs statements in their order on one connection; one that fails is its own affair', async () => {
    await pipeline.query({ text: 'create table sums (at serial, n int primary key)' });
    const insert = (n: number) => pipeline.query({ ...add(n), text: 'insert into sums (n) values ($1) returning at' });
    const outcomes = await Promise.allSettled([1, 2, 2, 3].map(insert));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    const { rows } = await pipeline.query({ text: 'select array_agg(n order by at) as n from sums' });
    expect(rows).toEqual([{ n: [1, 2, 3] }]);
  });

  it('fails what is under way on a connection that breaks, and makes another', async () => {
    const pool = createPool(database.url);
    await pipeline.query({ text: 'create table sums (n int primary key)' });
    const slow = [pipeline.query({ text: 'select pg_sleep(30)' }), pipeline.query(add(1))];
    await new Promise((resolve) => setTimeout(resolve, 100));
    await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'yad pipeline' and datname = current_database()`);
    await pool.end();
    for (const outcome of await Promise.allSettled(slow)) {
      expect(outcome).toMatchObject({ status: 'rejected' });
      expect(isConnectionError((outcome as PromiseRejectedResult).reason)).toBe(true);
    }
    expect((await pipeline.query(add(1))).rows).toEqual([{ n: 1 }]);
  });

  it('asks over another connection after ten idle seconds, as the peer may have gone without a word', async () => {
    let later = 0;
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + later);
    const asked = { text: 'select pg_backend_pid() as pid' };
    const pid = async (): Promise<number> => (await pipeline.query(asked)).rows[0].pid;
    try {
      const first = await pid();
      later += 9_000;
      expect(await pid()).toBe(first);
      // Not while something is under way, which would be cut off.
      const slow = pipeline.query({ text: 'select pg_backend_pid() as pid, pg_sleep(0.2)' });
      later += 11_000;
      expect(await pid()).toBe(first);
      expect((await slow).rows[0].pid).toBe(first);
      later += 11_000;
      const second = await pid();
      expect(second).not.toBe(first);
      expect(await pid()).toBe(second);
      // The idle one is closed in order.
      const others = `select count(*)::int as n from pg_stat_activity where pid = ${first}`;
      for (let tries = 0; (await pipeline.query({ text: others })).rows[0].n > 0; tries++) {
        expect(tries).toBeLessThan(100);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      clock.mockRestore();
    }
  });

  it('waits for what is under way when it ends', async () => {
    const asked = [1, 2, 3].map((n) => pipeline.query({ text: 'select $1::int as n, pg_sleep(0.05)', values: [n] }));
    await pipeline.query({ text: 'select 1' });
    const last = pipeline.query({ text: 'select 4 as n, pg_sleep(0.05)' });
    await new Promise((resolve) => setImmediate(resolve));
    await pipeline.end();
    const answers = await Promise.all([...asked, last]);
    expect(answers.map(({ rows }) => rows[0].n)).toEqual([1, 2, 3, 4]);
  });
});
