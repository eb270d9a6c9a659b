import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { PostgresCursorKeys } from '#platform/http/cursor-keys/postgres-cursor-keys.adapter.js';
import { listenHost } from '#platform/http/request-guards.js';
import { closeInOrder, portFrom } from '#platform/http/serve.js';
import { operationsApp } from './operations.js';

/**
 * The writing side as a process of its own. DATABASE_URL: the event store; PORT (3000) and HOST (127.0.0.1): where it
 * listens; DRAIN_MS (0): how long it goes on serving
 * after SIGTERM while it says that it is not ready, so that balancers take it out first.
 */
async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is not set: postgres://user@host:5432/database');
  const store = await PostgresEventStore.connect({ url });
  const cursorKeys = await PostgresCursorKeys.connect(url);
  let leaving = false;
  const app = await operationsApp(store, {
    cursorKeys,
    readiness: {
      process: async () => {
        if (leaving) throw new Error('is going down');
      },
      store: () => store.checkWritable(),
    },
  });
  await app.listen(portFrom('PORT', 3000), listenHost());
  // Not by Nest's logger, which the app has set to warnings and errors.
  console.log(`operations answers on ${await app.getUrl()}, documents at /docs`);

  const leave = async (signal: string): Promise<void> => {
    if (leaving) return;
    leaving = true;
    console.log(`operations: ${signal}, no longer ready, then down`);
    await sleep(Number(process.env['DRAIN_MS'] ?? 0));
    // Requests under way are answered first; the store must outlive them.
    await closeInOrder(app);
    await cursorKeys.close();
    await store.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void leave(signal));
}

await main();
