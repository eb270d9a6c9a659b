import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendQuery } from '#platform/event-store/postgres/append-query.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { aRequest } from './event-store.conformance.js';

export interface WritersReport {
  committed: Set<string>;
  seen: { id: string; position: bigint }[];
  head: bigint;
}

/**
 * Writers that append in transactions of their own, pause with the lock held or not, roll back or lose their
 * connection at random, while a subscriber reads from the start. What it saw, beside what was committed.
 */
export async function runWriters(url: string, writers: number, transactions: number): Promise<WritersReport> {
  const store = await PostgresEventStore.connect({ url });
  const committed = new Set<string>();
  const seen: WritersReport['seen'] = [];
  const stop = new AbortController();
  const reading = (async () => {
    for await (const page of store.subscribeAll(0n, { signal: stop.signal, limit: 7 })) {
      seen.push(...page.map(({ id, position }) => ({ id, position })));
    }
  })();
  await Promise.all(
    Array.from({ length: writers }, async () => {
      let client = await connect(url);
      for (let i = 0; i < transactions; i++) {
        const requests = Array.from({ length: 1 + Math.floor(Math.random() * 4) }, () =>
          aRequest({ aggregate: 'thing', aggregateId: newId() }, 0, 1 + Math.floor(Math.random() * 3)),
        );
        const ids = requests.flatMap(({ events }) => events.map(({ id }) => id));
        const fate = Math.random();
        await client.query('begin');
        if (Math.random() < 0.3) await sleep(Math.random() * 5);
        await client.query(appendQuery(requests, { now: new Date(), recordedAt: null }, { has: () => false }));
        if (Math.random() < 0.3) await sleep(Math.random() * 5);
        if (fate < 0.6) {
          await client.query('commit');
          for (const id of ids) committed.add(id);
        } else if (fate < 0.95) {
          await client.query('rollback');
        } else {
          // A process that dies: its socket goes, its transaction with it.
          (client as any).connection.stream.destroy();
          client = await connect(url);
        }
      }
      await client.end();
    }),
  );
  const { position: head } = await store.head();
  while (seen.length < Number(head)) await sleep(10);
  await sleep(50);
  stop.abort();
  await reading;
  await store.close();
  return { committed, seen, head };
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return client;
}
