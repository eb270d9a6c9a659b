import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PARTITIONER } from '#platform/event-bus/event-bus.js';
import { PostgresRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import { guardLog } from '#platform/projections/builds/log-guard.js';
import { aRequest, thing } from '../conformance/event-store/event-store.conformance.js';
import { createTestDatabase } from '../support/postgres.js';
import { Program, yad } from './processes.js';

const PLACEMENT = { partitions: 4, partitioner: PARTITIONER };

describe('yad log and yad relay', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let pool: Pool;
  const open = (): Promise<PostgresEventStore> => PostgresEventStore.connect({ url: database.url });
  const command = async (...args: string[]): Promise<string> =>
    (await yad(args, { DATABASE_URL: database.url })).output;
  const refused = async (...args: string[]): Promise<string> => {
    const { code, output } = await new Program('cli/main.js', { args, env: { DATABASE_URL: database.url } }).ended;
    expect(code).not.toBe(0);
    return output;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    pool = createPool(database.url, { role: 'admin', max: 2 });
    const store = await open();
    await store.append([aRequest(thing('here'), 0, 5)]);
    await prepareProjections(pool, [], 4);
    await guardLog(pool, store);
    const relay = await PostgresRelayState.connect(database.url);
    const lease = await relay.acquire('spec', 1, store.identity.id, PLACEMENT);
    await relay.checkpoint(lease!, 5n, new Map([[0, 5n]]), 1);
    await relay.close();
    await store.close();
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  it('shows which log it is', async () => {
    expect(await command('log', 'show')).toMatch(
      /^log [0-9a-f-]{36}\nhead 5\nincarnation 1 from 1 since .*: the log was made\n/,
    );
  });

  it('does not go on where nothing tells of a move, but by the word that it was restored', async () => {
    expect(await refused('log', 'continue')).toContain('say --restored');
    expect(await command('log', 'continue', '--restored')).toMatch(
      /incarnation 2 from \d{16} .*: restored from a copy, goes on from 5\n/,
    );
  });

  it('serves a moved log after the word that it goes on', async () => {
    await pool.query(`begin; set local session_replication_role = replica;
      update store.incarnations set system = 'elsewhere'; commit`);
    await expect(open()).rejects.toThrow('yad log continue');
    expect(await command('log', 'show')).toContain('it was written in another database');
    expect(await command('log', 'continue')).toContain('incarnation 3');
    const store = await open();
    expect(await store.head()).toMatchObject({ position: 5n });
    await store.close();
  });

  it('makes a copy a log of its own, its read models and its relay too', async () => {
    const store = await open();
    const before = store.identity;
    await store.close();
    expect(await command('log', 'fork')).toContain(`the copy of ${before.id} is the log`);
    const copy = await open();
    expect(copy.identity.id).not.toBe(before.id);
    expect(copy.identity.keyFor('bus')).not.toEqual(before.keyFor('bus'));
    // What is kept under the secret goes on: reservations, ids that were derived.
    for (const purpose of ['reservations', 'commands', 'ids']) {
      expect(copy.identity.lastingKeyFor(purpose)).toEqual(before.lastingKeyFor(purpose));
    }
    expect(await guardLog(pool, copy)).toEqual([]);
    const relay = await PostgresRelayState.connect(database.url);
    expect(await relay.acquire('spec', 1, copy.identity.id, PLACEMENT)).toMatchObject({
      position: 0n,
      heads: new Map(),
    });
    await relay.close();
    await copy.close();
  });

  it('rewinds the relay, and not beyond what it has published', async () => {
    const relay = await PostgresRelayState.connect(database.url);
    const { rows } = await pool.query<{ id: string }>('select id from store.log');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const lease = await relay.acquire('spec', 1, rows[0]!.id, PLACEMENT);
    await relay.checkpoint(
      lease!,
      5n,
      new Map([
        [0, 3n],
        [1, 5n],
      ]),
      1,
    );
    expect(await refused('relay', 'rewind', '--from', '7')).toContain('only up to 5 has been published');
    expect(await refused('relay', 'rewind', '--from', 'x')).toContain('is not a position');
    expect(await command('relay', 'rewind', '--from', '4')).toContain('from 4 on it is published again');
    expect(await relay.position()).toBe(3n);
    expect(await relay.heads()).toEqual(
      new Map([
        [0, 3n],
        [1, 3n],
      ]),
    );
    await relay.close();
  });
});
