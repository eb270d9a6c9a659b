import { once } from 'node:events';
import { definitions } from '#apps/definitions.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { QuerySource } from '#platform/projections/definition/query.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { keysOfThisProcess } from '#platform/http/cursor-keys/cursor-keys.js';
import { servedBy, startSystem } from '#platform/runtime/composition.js';
import { Lifecycle } from '#platform/runtime/lifecycle.js';

// All of Yad on one port, and the same read models on another, where the statements of a query are sent each by itself:
// what a query cost before its statements shared a snapshot.

interface Asked {
  readonly text: string;
  readonly values: unknown[];
  readonly resolve: (rows: any[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Statements of one turn go down one connection, prepared, each a transaction of its own. */
function statementsByThemselves(pool: Pool, checkpoints: Parameters<typeof pool.query>[0]): QuerySource {
  const names = new Map<string, string>();
  const nameOf = (text: string): string => {
    if (!names.has(text)) names.set(text, `plain-${names.size}`);
    return names.get(text)!;
  };
  let gathered: Asked[] = [];
  const send = async (asked: readonly Asked[]): Promise<void> => {
    const client = await pool.connect();
    const { stream } = (client as any).connection;
    stream.cork();
    const sent = asked.map(({ text, values, resolve, reject }) =>
      client.query({ name: nameOf(text), text, values }).then(({ rows }) => resolve(rows), reject),
    );
    stream.uncork();
    await Promise.all(sent);
    client.release();
  };
  const rows = (text: string, parameters: readonly unknown[] = []): Promise<any[]> =>
    new Promise((resolve, reject) => {
      if (gathered.push({ text, values: [...parameters], resolve, reject }) > 1) return;
      queueMicrotask(() => {
        const asked = gathered;
        gathered = [];
        void send(asked);
      });
    });
  // Where they stood was looked at beforehand, by one look for all within some milliseconds.
  let look: { at: number; rows: Promise<any> } | undefined;
  return {
    inSnapshot: async (_projections, _isHeavy, work) => {
      if (!look || performance.now() - look.at > 3) look = { at: performance.now(), rows: pool.query(checkpoints) };
      const found = await look.rows;
      const byName = new Map<string, Map<number, bigint>>();
      for (const [name, partition, position] of found.rows as [string, number, string][]) {
        if (!byName.has(name)) byName.set(name, new Map());
        byName.get(name)!.set(partition, BigInt(position));
      }
      return { answer: await work({ rows }), checkpoints: byName, versions: new Map(), isIncomplete: false };
    },
  };
}

async function main(): Promise<void> {
  const url = process.env['DATABASE_URL']!;
  const lifecycle = new Lifecycle('bench');
  const databases = { store: url, readModels: url, keys: url };
  const parts = ['commands', 'read-models', 'audit'] as const;
  const { store, host, app, signIn } = await startSystem(definitions, { databases, parts }, lifecycle);
  const pool = createPool(url, { role: 'query', max: 8, pipeline: true, searchPath: 'analytics' });
  const read = statementsByThemselves(pool, {
    name: 'status',
    text: `select projection, partition, position::text from projections.checkpoints
      join projections.builds b using (projection, generation) where b.status = 'live'`,
    rowMode: 'array',
  } as any);
  const served = { ...servedBy(definitions, ['read-models'], { store, host }), read };
  const plain = await createHttpApp({
    ...served,
    authenticator: signIn,
    cursorKeys: keysOfThisProcess(),
    logger: false,
  });
  await Promise.all([app.listen(0, '127.0.0.1'), plain.listen(0, '127.0.0.1')]);
  const [port, plainPort] = [app, plain].map((each) => (each.getHttpServer().address() as { port: number }).port);
  process.send?.({ port, plainPort });
  await once(process, 'disconnect');
  process.exit(0);
}

await main();
