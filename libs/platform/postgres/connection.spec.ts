import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase } from '../../../test/support/postgres.js';
import { Proxy, withoutStartupOptions } from '../../../test/support/proxy.js';
import { connect } from './connection.js';
import { isConnectionError, isOutcomeUnknown, isUnavailable } from './errors.js';
import { Listener } from './listener.js';
import { createPool, inTransaction, Pipeline, type Pool } from './pool.js';
import { limitsOf, type ConnectionRole } from './roles.js';

const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
const failure = (promise: Promise<unknown>): Promise<any> => promise.then(() => undefined).catch((error) => error);

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let direct: Pool;
const proxies: Proxy[] = [];
const ends: (() => Promise<unknown>)[] = [];
let name: string;
beforeAll(async () => {
  database = await createTestDatabase();
  direct = createPool(database.url, { role: 'admin', max: 2 });
  name = (await direct.query('select current_database() as name')).rows[0].name;
});
afterAll(async () => {
  await direct.end();
  await database.drop();
});
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end().catch(() => {})));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  await direct.query(`alter database ${name} reset all`);
});

async function before(options?: Parameters<typeof Proxy.before>[1]): Promise<{ proxy: Proxy; url: string }> {
  const made = await Proxy.before(database.url, options);
  proxies.push(made.proxy);
  return made;
}

const until = async (test: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> => {
  for (const end = Date.now() + ms; !(await test()); await sleep(20)) if (Date.now() > end) throw new Error('in vain');
};
const backends = async (name: string): Promise<number> => {
  const { rows } = await direct.query(
    `select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = $1`,
    [name],
  );
  return rows[0].n;
};
const cutAll = (name: string): Promise<unknown> =>
  direct.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = $1`,
    [name],
  );

describe('a session', () => {
  it('is refused when a pooler in between drops what it starts with, and the setting is named', async () => {
    await direct.query(`alter database ${name} set timezone = 'Europe/Berlin'`);
    const { url } = await before({ toServer: withoutStartupOptions });
    const error = await failure(connect(url, { role: 'read' }));
    expect(error.message).toMatch(/TimeZone = 'Europe\/Berlin' where 'UTC' was asked for.*pooler/);
    expect(isUnavailable(error)).toBe(true);
    expect(isOutcomeUnknown(error)).toBe(false);
  });

  it('is refused for a dropped timeout alone, where the server is otherwise set as ours', async () => {
    const { url } = await before({ toServer: withoutStartupOptions });
    await direct.query(`alter database ${name} set timezone = 'UTC'`);
    expect((await failure(connect(url, { role: 'append' }))).message).toMatch(/pooler/);
    await expect(failure(createPool(url, { role: 'append' }).query('select 1'))).resolves.toMatchObject({
      name: 'SettingRefused',
    });
  });

  it('has our settings, whatever the database, the role or the address say', async () => {
    for (const setting of [
      `timezone = 'Asia/Tehran'`,
      `datestyle = 'German, DMY'`,
      `intervalstyle = 'iso_8601'`,
      `bytea_output = 'escape'`,
      `extra_float_digits = -15`,
      `default_transaction_isolation = 'serializable'`,
      `standard_conforming_strings = off`,
      `search_path = 'elsewhere'`,
      `statement_timeout = '1h'`,
    ]) {
      await direct.query(`alter database ${name} set ${setting}`);
    }
    const own = '?options=-c%20timezone%3DAmerica/Lima%20-c%20work_mem%3D7MB&statement_timeout=77';
    const session = await connect(database.url + own, { role: 'read', searchPath: 'analytics' });
    ends.push(() => session.end());
    const shown = await session.query(
      `select now() as now, '\\x00ff'::bytea::text as bytes, 0.1::float8 + 0.2 as float, interval '1 day 2 hours'::text as span,
              current_setting('search_path') as path, current_setting('transaction_isolation') as isolation,
              current_setting('work_mem') as memory, current_setting('statement_timeout') as patience,
              '2026-07-01 12:00:00+00'::timestamptz::text as instant`,
    );
    expect(shown.rows[0]).toMatchObject({
      bytes: '\\x00ff',
      float: 0.30000000000000004,
      span: '1 day 02:00:00',
      path: 'analytics',
      isolation: 'read committed',
      // What an address asks for beside ours is kept.
      memory: '7MB',
      patience: `${limitsOf.read.statementMs / 1000}s`,
      instant: '2026-07-01 12:00:00+00',
    });
  });

  it('may be refused by what is to be known of the server before anybody uses it', async () => {
    const onConnect = () => Promise.reject(new Error('this is another log'));
    const pool = createPool(database.url, { role: 'read', onConnect });
    ends.push(() => pool.end());
    await expect(pool.query('select 1')).rejects.toThrow('this is another log');
  });

  it.each(Object.keys(limitsOf) as ConnectionRole[])('of the role %s is given up by the server first', (role) => {
    const { lockMs, statementMs, transactionMs, silenceMs, onSilence } = limitsOf[role];
    expect(lockMs).toBeLessThan(statementMs);
    if (onSilence === 'ask') return;
    expect(statementMs).toBeLessThan(silenceMs);
    expect(statementMs).toBeLessThan(transactionMs);
    // An idle one of a pool is closed after ten seconds.
    expect(silenceMs + 10_000).toBeLessThan(30_000);
  });
});

describe('a connection that falls silent', () => {
  const short = { silenceMs: 1_200 };

  it('fails what waits on it, and the pool goes on over new ones', async () => {
    const { proxy, url } = await before();
    const pool = createPool(url, { role: 'read', max: 2, limits: short });
    ends.push(() => pool.end());
    await Promise.all([pool.query('select pg_sleep(0.05)'), pool.query('select pg_sleep(0.05)')]);
    expect(proxy.freeze()).toBe(2);
    const errors = await Promise.all([1, 2].map(() => failure(pool.query('select 1'))));
    for (const error of errors) {
      expect(error.message).toMatch(/has been silent for/);
      expect([isConnectionError(error), isOutcomeUnknown(error)]).toEqual([true, true]);
    }
    expect((await pool.query('select 2 as n')).rows).toEqual([{ n: 2 }]);
  });

  it('is destroyed also where it is checked out, in the middle of a transaction', async () => {
    const { proxy, url } = await before();
    const pool = createPool(url, { role: 'write', max: 1, limits: short });
    ends.push(() => pool.end());
    const working = inTransaction(pool, async (client) => {
      await client.query('create table t (n int)');
      proxy.freeze();
      await client.query('insert into t values (1)');
    });
    expect(isConnectionError(await failure(working))).toBe(true);
    expect((await pool.query(`select to_regclass('t') as t`)).rows).toEqual([{ t: null }]);
  });

  it('fails all that is on a pipeline, which makes another', async () => {
    const { proxy, url } = await before();
    const pipeline = new Pipeline(url, { role: 'append', limits: short });
    ends.push(() => pipeline.end());
    await pipeline.query({ text: 'select 1' });
    proxy.freeze();
    const errors = await Promise.all([1, 2, 3].map(() => failure(pipeline.query({ text: 'select 1' }))));
    expect(errors.map(isOutcomeUnknown)).toEqual([true, true, true]);
    expect((await pipeline.query({ text: 'select 4 as n' })).rows).toEqual([{ n: 4 }]);
  });

  it('is not one that waits for many before it on a pipeline, each within its time', async () => {
    const pipeline = new Pipeline(database.url, { role: 'append', limits: short });
    ends.push(() => pipeline.end());
    const asked = Array.from({ length: 6 }, (_, n) => pipeline.query({ text: `select pg_sleep(0.3), ${n} as n` }));
    expect((await Promise.all(asked)).map(({ rows }) => rows[0].n)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('is left alone while the server works for it, where statements may take long', async () => {
    const pool = createPool(database.url, { role: 'rebuild', limits: { silenceMs: 200 } });
    ends.push(() => pool.end());
    expect((await pool.query(`select pg_sleep(1.5), 1 as n`)).rows[0].n).toBe(1);
  });

  it('is noticed by asking over another one, where statements may take long', async () => {
    const { proxy, url } = await before();
    const pool = createPool(url, { role: 'rebuild', limits: { silenceMs: 200 } });
    ends.push(() => pool.end());
    const slow = failure(pool.query('select pg_sleep(0.5)'));
    await until(() => proxy.open > 0);
    await sleep(200);
    proxy.freeze();
    expect((await slow).message).toMatch(/has been silent for/);
  });

  it('while it is being made is given up in time', async () => {
    const { url } = await before({ toServer: () => Buffer.alloc(0) });
    const began = Date.now();
    const error = await failure(connect(url, { role: 'read', limits: { connectMs: 300 } }));
    expect(isConnectionError(error)).toBe(true);
    // Nothing was sent on it.
    expect(isOutcomeUnknown(error)).toBe(false);
    expect(Date.now() - began).toBeLessThan(3_000);
  });

  it('does not keep its owner from ending', async () => {
    const { proxy, url } = await before();
    const pipeline = new Pipeline(url, { role: 'append', limits: { silenceMs: 60_000 } });
    await pipeline.query({ text: 'select 1' });
    proxy.freeze();
    const began = Date.now();
    await pipeline.end();
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});

describe('a connection that is cut', () => {
  it('does not end the process, checked out or not, with somebody who listens to its errors or without', async () => {
    const pool = createPool(database.url, { role: 'read', max: 4, applicationName: 'cut' });
    ends.push(() => pool.end());
    // As a reader of customers holds it, who listens to nothing.
    const held = await Promise.all([pool.connect(), pool.connect()]);
    const idle = await pool.connect();
    idle.release();
    const alone = await connect(database.url, { role: 'read', applicationName: 'cut' });
    ends.push(() => alone.end());
    await cutAll('cut');
    await until(async () => (await backends('cut')) === 0);
    await sleep(100);
    for (const client of held) {
      expect(isConnectionError(await failure(client.query('select 1')))).toBe(true);
      client.release(true);
    }
    expect(isConnectionError(await failure(alone.query('select 1')))).toBe(true);
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }]);
  });
});

describe('an append that stalls between two of its messages', () => {
  const statement = { name: 'locking', text: 'select pg_advisory_xact_lock(4242)' };
  /** Forwards all but the end of the statement's last message: what a client does that is stopped in the middle. */
  const stalled = (chunk: Buffer): Buffer =>
    chunk.includes('pg_advisory_xact_lock(4242)') && chunk.subarray(-5).equals(SYNC) ? chunk.subarray(0, -5) : chunk;
  const holders = async (): Promise<number> =>
    (
      await direct.query(
        `select from pg_locks l join pg_database d on d.oid = l.database
          where d.datname = current_database() and locktype = 'advisory' and objid = 4242 and granted`,
      )
    ).rowCount!;

  it('holds its lock no longer than the time of a transaction', async () => {
    const { url } = await before({ toServer: stalled });
    const { rows } = await direct.query(`select current_setting('server_version_num')::int as version`);
    // Servers before PostgreSQL 17 know no such limit; the store has its own remedy there.
    if (rows[0].version < 170_000) return;
    const pipeline = new Pipeline(url, { role: 'append', limits: { transactionMs: 1_500, silenceMs: 20_000 } });
    ends.push(() => pipeline.end());
    const error = failure(pipeline.query(statement));
    await until(async () => (await holders()) === 1);
    await until(async () => (await holders()) === 0, 6_000);
    expect(isOutcomeUnknown(await error)).toBe(true);
  });

  it('between two statements of one transaction no longer than an idle one may be', async () => {
    const pool = createPool(database.url, { role: 'append', limits: { idleInTransactionMs: 600 } });
    ends.push(() => pool.end());
    const error = await failure(
      inTransaction(pool, async (client) => {
        await client.query(statement);
        await until(async () => (await holders()) === 0, 6_000);
        await client.query('select 1');
      }),
    );
    expect(isUnavailable(error)).toBe(true);
  });
});

describe('a listener', () => {
  const listen = (url: string, heartbeatMs = 100): { listener: Listener; rings: () => number } => {
    let rings = 0;
    const listener = new Listener(url, 'news', {
      applicationName: 'listen',
      onNotification: () => rings++,
      heartbeatMs,
      limits: { silenceMs: 1_000 },
    });
    ends.push(() => listener.close());
    listener.start();
    return { listener, rings: () => rings };
  };
  const heard = async (rings: () => number): Promise<void> => {
    const known = rings();
    await until(async () => {
      await direct.query(`notify news`);
      await sleep(20);
      return rings() > known;
    });
  };

  it('hears again after its socket fell silent, though nothing was asked on it', async () => {
    const { proxy, url } = await before();
    const { rings } = listen(url);
    await heard(rings);
    proxy.freeze();
    const known = rings();
    await direct.query('notify news');
    await until(() => rings() > known);
    await heard(rings);
  });

  it('hears again after its connection was cut', async () => {
    const { rings } = listen(database.url, 60_000);
    await heard(rings);
    await cutAll('listen');
    await until(async () => (await backends('listen')) === 1);
    await heard(rings);
  });

  it('hears after a LISTEN that failed, and leaves no connection of it behind', async () => {
    let refused = 0;
    const { url } = await before({
      toServer: (chunk) => {
        const at = chunk.indexOf('listen news');
        if (at < 0 || refused >= 3) return chunk;
        refused++;
        const changed = Buffer.from(chunk);
        changed.write('lisxen', at);
        return changed;
      },
    });
    const { rings } = listen(url);
    await heard(rings);
    expect(refused).toBe(3);
    expect(await backends('listen')).toBe(1);
  });
});
