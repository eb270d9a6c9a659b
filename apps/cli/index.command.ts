import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { readSettings } from '#platform/runtime/environment.js';
import { openDatabases } from '#platform/runtime/databases.js';
import { connectKurrent } from '#platform/runtime/open-store.js';
import { databases } from './database.js';

const LOOK_AGAIN_MS = 200;
const TELL_AGAIN_MS = 5_000;

/** Adds `yad index rebuild|show`: what a log on KurrentDB has no index for, in Postgres. */
export function addIndexCommands(program: Command): void {
  const index = program.command('index').description('the index of a log on KurrentDB');
  index
    .command('show')
    .description('how far the index goes, and where the log ends')
    .action(() =>
      withKurrent(async (store) => {
        const [through, { position: head }] = [await store.indexedThrough(), await store.head()];
        console.log(`the index goes through ${through}, and the log through ${head}`);
      }),
    );
  index
    .command('rebuild')
    .description('empties the index and waits until it has been filled again; meanwhile the log itself is asked')
    .action(() =>
      withKurrent(async (store) => {
        await store.rebuildIndex();
        const { position: head } = await store.head();
        let told = performance.now();
        for (;;) {
          const through = await store.indexedThrough();
          if (through >= head) break;
          if (performance.now() - told > TELL_AGAIN_MS) {
            told = performance.now();
            console.log(`through ${through} of ${head}`);
          }
          await sleep(LOOK_AGAIN_MS);
        }
        console.log(`the index goes through ${head}`);
      }),
    );
}

async function withKurrent(work: (store: Awaited<ReturnType<typeof connectKurrent>>) => Promise<void>): Promise<void> {
  const { eventStore, store: indexUrl } = await openDatabases(databases(readSettings(process.env)), ['store']);
  if (eventStore === undefined) throw new Error('EVENT_STORE is not set: only a log on KurrentDB has an index');
  const store = await connectKurrent({ url: eventStore, indexUrl });
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
