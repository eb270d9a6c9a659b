import { setTimeout as sleep } from 'node:timers/promises';
import { YadError } from '#platform/kernel/errors.js';
import { consoleLog, type Log } from '#platform/observability/log.js';
import { connect, isConnectionError } from '#platform/postgres/pool.js';
import type { DatabaseKind, Databases } from './connections.js';

/** How long an app waits at its start for a database that cannot be reached yet. */
const PATIENCE_MS = 30_000;
const AGAIN_MS = 1_000;

/** What each of the databases is called where it is missed. */
const CALLED: Readonly<Record<DatabaseKind, string>> = {
  store: 'the database of the log (STORE_URL or DATABASE_URL)',
  readModels: 'the database of the read models (READ_MODELS_URL or DATABASE_URL)',
  keys: 'the database of the keys (KEYS_URL or DATABASE_URL)',
};

/** A database that an app needs cannot be used: whoever started the app reads it in one line. */
export class DatabaseMissing extends YadError {
  readonly kind = 'unavailable';
}

export interface AwaitOptions {
  readonly patienceMs?: number;
  readonly log?: Pick<Log, 'warn'>;
}

/**
 * Waits until each of the databases can be connected to: an orchestrator starts everything at once, and an app that
 * gave up at once would be held back longer and longer before its next try.
 * @param needed those that the app uses
 * @throws DatabaseMissing when one cannot be reached in time, and at once where another try would not mend it
 */
export async function awaitDatabases(
  databases: Databases,
  needed: readonly DatabaseKind[],
  { patienceMs = PATIENCE_MS, log = consoleLog }: AwaitOptions = {},
): Promise<void> {
  const until = performance.now() + patienceMs;
  const asked = new Set<string>();
  for (const which of needed) {
    const url = databases[which];
    if (asked.has(url)) continue;
    asked.add(url);
    const named = `${CALLED[which]} at ${placeOf(url)}`;
    for (let tries = 0; ; tries++) {
      try {
        await (await connect(url, { role: 'read', applicationName: 'yad start' })).end();
        break;
      } catch (error) {
        const why = (error as Error).message || String((error as { code?: string }).code);
        if (!isConnectionError(error)) throw new DatabaseMissing(`${named} cannot be used: ${why}`, { cause: error });
        if (performance.now() + AGAIN_MS > until) {
          throw new DatabaseMissing(`${named} could not be reached within ${patienceMs} ms: ${why}`, { cause: error });
        }
        if (tries === 0) log.warn(`waiting for ${named}: ${why}`);
        await sleep(AGAIN_MS);
      }
    }
  }
}

/** Host, port and database: without name and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host || 'a socket'}${pathname}`;
}
