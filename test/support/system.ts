import { definitions } from '#apps/definitions.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { startSystem as compose, type Definitions, type SystemOptions } from '#platform/runtime/composition.js';
import type { PolicySettings } from '#platform/runtime/policies.js';
import { Lifecycle } from '#platform/runtime/lifecycle.js';
import { conformingClient } from './conforming-client.js';
import { migratedDatabase } from './migrated.js';

export type Client = Awaited<ReturnType<typeof conformingClient>>;

/** All of Yad in this process, on a database of its own and a real port: what apps/standalone/main.ts composes. */
export interface System {
  readonly url: string;
  /** Of the database's owner: the system itself works under the role of apps. */
  readonly databaseUrl: string;
  readonly appDatabaseUrl: string;
  readonly store: EventStore;
  readonly host: ProjectionHost;
  /** Speaks HTTP over the port, and holds every answer against the document that the system serves. */
  readonly client: Client;
  /** What the read models had trouble with; nothing, in a run without faults. */
  readonly troubles: readonly unknown[];
  /** Position of the last event in the store. */
  head(): Promise<bigint>;
  stop(): Promise<void>;
}

/**
 * Boots a system on a new database: all of Yad, unless definitions are given. Nobody signs in, unless an authenticator is
 * given or a key is made; policies run where they are set.
 */
export async function startSystem(
  of: Definitions = definitions,
  http?: SystemOptions['http'],
  policies?: PolicySettings,
): Promise<System> {
  const database = await migratedDatabase(of.projections);
  const { ownerUrl: databaseUrl, appUrl } = database;
  const troubles: unknown[] = [];
  const lifecycle = new Lifecycle('test');
  lifecycle.onStop('database', () => database.drop());
  const { store, host, app } = await compose(
    of,
    {
      databases: { store: appUrl, readModels: appUrl, keys: appUrl },
      parts: policies ? ['commands', 'read-models', 'audit', 'policies'] : ['commands', 'read-models', 'audit'],
      policies,
      onError: (error) => troubles.push(error),
      http,
    },
    lifecycle,
  );
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    url,
    databaseUrl,
    appDatabaseUrl: appUrl,
    store,
    host: host!,
    client: await clientAt(url),
    troubles,
    head: async () => (await store.head()).position,
    stop: async () => {
      if (!(await lifecycle.stop())) throw new Error('the system did not stop in order');
    },
  };
}

/** A client of the Yad that answers at an address, in whichever process. */
export function clientAt(url: string): Promise<Client> {
  const inject = async (given: string | Sent): Promise<unknown> => {
    const { method, url: path, headers, payload } = typeof given === 'string' ? { ...get, url: given } : given;
    const answer = await fetch(`${url}${path}`, { method, headers, body: payload });
    const text = await answer.text();
    return {
      statusCode: answer.status,
      headers: Object.fromEntries(answer.headers),
      json: () => JSON.parse(text) as unknown,
    };
  };
  return conformingClient({ inject } as any);
}

interface Sent {
  method: string;
  url: string;
  headers?: Record<string, string>;
  payload?: string;
}
const get = { method: 'GET', headers: undefined, payload: undefined };
