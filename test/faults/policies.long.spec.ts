import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase } from '../support/postgres.js';
import { App } from './app.js';
import { allSent, trade, wrongIn } from './policy-load.js';

/** Kills, or as many as fit into this time where the machine has much to do. */
const KILLS = 50;
const SPAN_MS = 240_000;
const KILLS_AT_LEAST = 10;

// One process takes commands, the other runs the policies and is killed.
it(`the process with the policies is killed under load, up to ${KILLS} times: each event has had its command once`, async () => {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });
  pool.on('error', () => {});
  const server = await App.start('operations', database.url, { YAD_POLICIES: 'off' });
  const start = (): Promise<App> => App.start('operations', database.url);
  let victim = await start();
  const stop = new AbortController();
  const trading: Promise<void>[] = [];
  try {
    for (let shop = 0; shop < 3; shop++) trading.push(trade(server, stop.signal));
    const began = Date.now();
    let kills = 0;
    for (; kills < KILLS && Date.now() - began < SPAN_MS; kills++) {
      await sleep(Math.random() * 1_200);
      victim.program.signal('SIGKILL');
      await victim.program.ended;
      victim = await start();
    }
    stop.abort();
    await Promise.all(trading);
    await allSent(pool, 120_000);
    const wrong = await wrongIn(pool);
    console.log(`${kills} kills in ${Math.round((Date.now() - began) / 1000)} s; ${JSON.stringify(wrong.counts)}`);
    expect(wrong.found).toEqual([]);
    expect(kills).toBeGreaterThanOrEqual(KILLS_AT_LEAST);
    expect(wrong.counts.snoozed).toBeGreaterThan(100);
    expect(wrong.counts.replies).toBeGreaterThan(100);
  } finally {
    stop.abort();
    await Promise.allSettled(trading);
    victim.program.signal('SIGKILL');
    await server.stop();
    await pool.end();
    await database.drop();
  }
}, 600_000);
