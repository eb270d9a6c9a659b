import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { APPEND_LOCK } from '#platform/event-store/postgres/names.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { Proxy } from '../support/proxy.js';
import { App, until } from './app.js';

/** In which a half-open socket is to be noticed, and readers are to go on. */
const NOTICED_MS = 30_000;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let direct: Pool;
let name: string;
const ends: (() => Promise<unknown> | void)[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
  direct = createPool(database.url, { role: 'admin', max: 2, applicationName: 'spec' });
  name = (await direct.query('select current_database() as name')).rows[0].name;
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await direct.end();
  await database.drop();
});

async function start(...given: Parameters<typeof App.start>): Promise<App> {
  const app = await App.start(...given);
  ends.push(() => app.stop());
  return app;
}

async function proxied(options?: Parameters<typeof Proxy.before>[1]): Promise<{ proxy: Proxy; url: string }> {
  const made = await Proxy.before(database.url, options);
  ends.push(() => made.proxy.close());
  return made;
}

const count = async (sql: string, values: unknown[] = []): Promise<number> =>
  Number((await direct.query(`select count(*)::int as n from ${sql}`, values)).rows[0].n);
const stored = (ids: string[]): Promise<number> =>
  count(`store.events where aggregate_id = any($1::uuid[]) and revision = 0`, [ids]);

describe('a database whose side of the connections vanishes without a word', () => {
  it('is noticed within half a minute by the local bus, and everything goes on over new connections', async () => {
    const { proxy, url } = await proxied();
    const standalone = await start('standalone', url);
    const operations = await start('operations', database.url);
    await until('the read models hold the first', 20_000, async () => {
      const { body } = await standalone.register();
      return (await standalone.get(`/v1/customers?limit=1&minPosition=${body.position}`)).status === 200;
    });
    // All of them in use: writers, readers, the listener, the queries.
    const busy = setInterval(() => {
      standalone.register().catch(() => {});
      standalone.get('/v1/customers?limit=1').catch(() => {});
    }, 50);
    ends.push(() => clearInterval(busy));
    await sleep(2_000);
    expect(proxy.freeze()).toBeGreaterThan(4);
    const frozen = Date.now();
    const { body } = await operations.register();
    await until('a reader sees what was written meanwhile', NOTICED_MS, async () => {
      const answer = await standalone.get(`/v1/customers?limit=1&minPosition=${body.position}`, 5_000);
      return answer.status === 200;
    });
    console.log(`read models go on ${Date.now() - frozen} ms after all connections fell silent`);
    clearInterval(busy);
    await until('commands are taken', NOTICED_MS, async () => (await standalone.register()).status === 201);
    await standalone.becomesReady(NOTICED_MS);
    expect(standalone.program.output).not.toMatch(/Unhandled|uncaught/i);
  });

  it('leaves an app not ready while its readers stand still', async () => {
    // New connections fall silent too: nothing gets better here.
    const { proxy, url } = await proxied();
    const standalone = await start('standalone', url);
    await standalone.becomesReady(20_000);
    const again = setInterval(() => proxy.freeze(), 20);
    ends.push(() => clearInterval(again));
    proxy.freeze();
    await until('not ready', 5_000, () => standalone.notReady());
    clearInterval(again);
    await standalone.becomesReady(NOTICED_MS + 10_000);
  });
});

describeWithKafka('a database whose side of the connections of relay and readers vanishes', (brokers) => {
  it('is noticed within half a minute by both, and Kafka brings the news again', async () => {
    const { proxy, url } = await proxied();
    const env = { KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: `yad.test.${newId()}` };
    const operations = await start('operations', database.url);
    const { Program } = await import('../end-to-end/processes.js');
    const relay = new Program('relay/main.js', { env: { ...env, DATABASE_URL: url } });
    ends.push(() => relay.stop());
    const analytics = await start('analytics', url, env);
    let position = '';
    const fresh = async (): Promise<boolean> =>
      (await analytics.get(`/v1/customers?limit=1&minPosition=${position}`, 10_000)).status === 200;
    const busy = setInterval(() => {
      operations.register().then(
        ({ body }) => (position = body.position),
        () => {},
      );
    }, 100);
    ends.push(() => clearInterval(busy));
    await until('the read models follow', 30_000, fresh);
    await sleep(2_000);
    expect(proxy.freeze()).toBeGreaterThan(4);
    const frozen = Date.now();
    const published = async (): Promise<bigint> =>
      BigInt((await direct.query('select position::text from relay.state')).rows[0].position);
    position = (await operations.register()).body.position;
    const wanted = BigInt(position);
    clearInterval(busy);
    await until('the relay has published it', NOTICED_MS, async () => (await published()) >= wanted);
    await until('the read models hold it', NOTICED_MS - (Date.now() - frozen), fresh);
    console.log(`relay and read models go on ${Date.now() - frozen} ms after all connections fell silent`);
    // What a check asks may still be on its way down a connection that is not given up yet.
    await analytics.becomesReady(NOTICED_MS - (Date.now() - frozen));
  });
});

describe('an append lock that does not come free', () => {
  it('is waited for briefly, without backends piling up, and no command is told as refused that is stored', async () => {
    const operations = await start('operations', database.url);
    expect((await operations.register()).status).toBe(201);
    const holder = await direct.connect();
    await holder.query(`select pg_advisory_lock(${APPEND_LOCK})`);
    const outcomes = new Map<string, string>();
    const open: Promise<void>[] = [];
    const load = setInterval(() => {
      const id = newId();
      open.push(
        operations.register(id).then(({ status, body, retryAfter }) => {
          if (status === 503) expect(Number(retryAfter)).toBeGreaterThan(0);
          outcomes.set(id, status === 503 ? body.type.split(':').at(-1) : String(status));
        }),
      );
    }, 200);
    let most = 0;
    let reason: string | undefined;
    for (let second = 0; second < 30; second++) {
      await sleep(1_000);
      most = Math.max(
        most,
        await count(`pg_stat_activity where application_name = 'yad store: append' and datname = '${name}'`),
      );
      if (second === 25) reason = await operations.notReady();
    }
    clearInterval(load);
    expect(reason).toMatch(/^store: /);
    // One pipeline and a pool of two.
    expect(most).toBeLessThanOrEqual(3);
    await holder.query(`select pg_advisory_unlock_all()`);
    holder.release();
    await Promise.all(open);
    const of = (kind: string): string[] => [...outcomes].filter(([, each]) => each === kind).map(([id]) => id);
    const kinds = [...new Set(outcomes.values())].toSorted();
    console.log(
      `lock held for 30 s: ${kinds.map((kind) => `${of(kind).length} ${kind}`).join(', ')}; ${most} backends`,
    );
    expect(of('unavailable').length).toBeGreaterThan(5);
    expect(await stored(of('unavailable'))).toBe(0);
    expect(await stored(of('201'))).toBe(of('201').length);
    expect(of('201').length + of('unavailable').length + of('outcome-unknown').length).toBe(outcomes.size);
    await operations.becomesReady(10_000);
    expect((await operations.register()).status).toBe(201);
  });

  it('because another process has stopped between two messages of its append is free again within seconds', async () => {
    const sync = Buffer.from([0x53, 0, 0, 0, 4]);
    let stalling = false;
    const { url } = await proxied({
      toServer: (chunk) =>
        stalling && chunk.includes('yad-stalls') && chunk.subarray(-5).equals(sync) ? chunk.subarray(0, -5) : chunk,
    });
    const [stalled, other] = [
      await PostgresEventStore.connect({ url }),
      await PostgresEventStore.connect({ url: database.url }),
    ];
    ends.push(
      () => stalled.close(),
      () => other.close(),
    );
    const request = (actor: string) => {
      const id = newId();
      const event = {
        id: newId(),
        aggregate: 'thing',
        aggregateId: id,
        revision: 0,
        type: 't.x',
        schemaVersion: 1,
        subject: id,
      };
      const parts = { occurredAt: new Date(), data: '{}', personalData: null, meta: { actor } };
      return { commandId: newId(), fingerprint: null, events: [{ ...event, ...parts }] };
    };
    // Prepared by now on both.
    await stalled.append([request('x')]);
    await other.append([request('x')]);
    stalling = true;
    const lost = stalled.append([request('yad-stalls')]).catch((error) => error);
    await until(
      'the lock is held',
      3_000,
      async () =>
        (await count(`pg_locks l join pg_database d on d.oid = l.database and d.datname = '${name}'
                    where locktype = 'advisory' and objid = ${APPEND_LOCK} and granted`)) === 1,
    );
    const began = Date.now();
    let told: unknown;
    for (let tries = 0; tries < 3; tries++) {
      told = await other.append([request('x')]).catch((error) => error);
      if (!(told instanceof Error)) break;
      expect(other.isTransient(told)).toBe(true);
      expect(other.isOutcomeUnknown(told)).toBe(false);
    }
    expect(told).toMatchObject([{ kind: 'stored' }]);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(stalled.isOutcomeUnknown(await lost)).toBe(true);
  });
});

describe('an answer that is lost while the append is under way', () => {
  it('is told as such, and the command sent again under its key is stored once', async () => {
    const { proxy, url } = await proxied();
    const operations = await start('operations', url);
    expect((await operations.register()).status).toBe(201);
    const id = newId();
    const key = { 'idempotency-key': newId() };
    const holder = await direct.connect();
    await holder.query(`select pg_advisory_lock(${APPEND_LOCK})`);
    const asked = operations.register(id, key);
    await until(
      'the append waits',
      3_000,
      async () =>
        (await count(
          `pg_stat_activity where datname = '${name}' and wait_event_type = 'Lock' and wait_event = 'advisory'`,
        )) > 0,
    );
    // The server gets the lock and stores it; nobody hears of it, nor can anybody ask until it is told.
    proxy.freeze();
    const silent = setInterval(() => proxy.freeze(), 20);
    ends.push(() => clearInterval(silent));
    await holder.query(`select pg_advisory_unlock_all()`);
    holder.release();
    const { status, body, retryAfter } = await asked;
    clearInterval(silent);
    expect({ status, type: body.type }).toEqual({ status: 503, type: 'urn:yad:problem:outcome-unknown' });
    expect(body.detail).toMatch(/same Idempotency-Key/);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(await stored([id])).toBe(1);
    const again = await until('the command is answered', NOTICED_MS, async () => {
      const answer = await operations.register(id, key);
      return answer.status < 500 && answer;
    });
    expect(again.status).toBe(201);
    expect(await count(`store.events where aggregate_id = $1`, [id])).toBe(1);
    // The state that rested on nobody knew what is gone: the next decision is made on what is stored.
    const tagged = await operations.post(`/v1/contacts/${id}/tags`, { tags: ['vip'] });
    expect(tagged).toMatchObject({ status: 200, body: { revision: 1 } });
  });
});

describe('connections that are cut while customers are being read', () => {
  it('do not end the process', async () => {
    const standalone = await start('standalone', database.url);
    const ids: string[] = [];
    let position = '';
    for (let i = 0; i < 20; i++) {
      const { body } = await standalone.register();
      ids.push(body.id);
      position = body.position;
    }
    await until('the read models hold them', 20_000, async () => {
      return (await standalone.get(`/v1/customers?limit=1&minPosition=${position}`)).status === 200;
    });
    let ended = false;
    void standalone.program.ended.then(() => (ended = true));
    let going = true;
    const unexpected: unknown[] = [];
    const readers = Array.from({ length: 16 }, async () => {
      while (going && !ended) {
        const id = ids[Math.floor(Math.random() * ids.length)];
        const { status, body } = await standalone.get(`/v1/customers/${id}`);
        if (status !== 200 && status !== 503 && unexpected.length < 3) unexpected.push(body);
      }
    });
    for (let cut = 0; cut < 20; cut++) {
      await sleep(300);
      await direct.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name <> 'spec'`,
      );
    }
    going = false;
    await Promise.all(readers);
    expect(ended).toBe(false);
    expect(unexpected).toEqual([]);
    await standalone.becomesReady(20_000);
  });
});

describe('a database that takes no writes', () => {
  it('because it is read-only is said to be, in readiness and to the sender', async () => {
    const operations = await start('operations', database.url);
    expect((await operations.register()).status).toBe(201);
    await direct.query(`alter database ${name} set default_transaction_read_only = on`);
    await direct.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name <> 'spec'`,
    );
    await until('not ready', 5_000, async () =>
      /store: the database is read-only/.test((await operations.notReady()) ?? ''),
    );
    const refused = await operations.register();
    expect(refused).toMatchObject({ status: 503, body: { type: 'urn:yad:problem:unavailable' } });
    expect(refused.body.detail).toContain('the database is read-only; nothing was stored');
    expect(Number(refused.retryAfter)).toBeGreaterThan(0);
    await direct.query(`set default_transaction_read_only = off`);
    await direct.query(`alter database ${name} reset default_transaction_read_only`);
    await operations.becomesReady(20_000);
    expect((await operations.register()).status).toBe(201);
  });

  it('because its disk is full is said to be, in readiness and to the sender', async () => {
    const disk = smallDisk((await direct.query('show data_directory')).rows[0].data_directory);
    if (!disk) return console.log('not run: a small disk cannot be mounted here');
    ends.unshift(() => disk.remove());
    const small = `small_${newId().replaceAll('-', '')}`;
    await direct.query(`create tablespace ${small} location '${disk.folder}'`);
    await direct.query(`create database ${small} tablespace ${small}`);
    const url = new URL(database.url);
    url.pathname = `/${small}`;
    ends.unshift(async () => {
      await direct.query(`drop database ${small} with (force)`);
      await direct.query(`drop tablespace ${small}`);
    });
    const standalone = await start('standalone', url.href);
    expect((await standalone.register()).status).toBe(201);
    await standalone.becomesReady(20_000);
    disk.fill();
    const refused = await until('refused', 60_000, async () => {
      const answer = await standalone.register();
      return answer.status !== 201 && answer;
    });
    expect(refused).toMatchObject({ status: 503, body: { type: 'urn:yad:problem:unavailable' } });
    expect(refused.body.detail).toContain('the disk of the database is full');
    await until('not ready', 10_000, async () => /disk|space/i.test((await standalone.notReady()) ?? ''));
    disk.free();
    await standalone.becomesReady(60_000);
    expect((await standalone.register()).status).toBe(201);
  });
});

/** A file system of 80 MB for the server, where this process may mount one and the server is on this machine. */
function smallDisk(dataDirectory: string): { folder: string; fill(): void; free(): void; remove(): void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'yad-small-'));
  const filler = join(folder, '..', `${folder.split('/').at(-1)}.none`);
  try {
    const { uid, gid } = statSync(dataDirectory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=80m', 'tmpfs', folder], { stdio: 'ignore' });
    chownSync(folder, uid, gid);
  } catch {
    rmSync(folder, { recursive: true, force: true });
    rmSync(filler, { force: true });
    return undefined;
  }
  const file = join(folder, 'filler');
  return {
    folder,
    fill() {
      try {
        for (let n = 0; ; n++) writeFileSync(file, Buffer.alloc(64 * 1024), { flag: 'a' });
      } catch {
        // Full.
      }
    },
    free: () => rmSync(file, { force: true }),
    remove() {
      execFileSync('umount', ['-l', folder], { stdio: 'ignore' });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
