import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { newId } from '#platform/kernel/ids.js';
import { httpLoad } from './http-load.js';
import type { Row } from './measure.js';

export interface HttpBenchmarkOptions {
  /** Without it the commands are answered at once by a stub, to see the shell alone. */
  url?: string;
  seconds: number;
  connections?: number;
  /** Flags of the server's node, e.g. `--cpu-prof`. */
  execArgv?: string[];
}

/** Commands over HTTP beside a no-op POST of the same body on the same server; the load comes from this process. */
export async function httpBenchmark({
  url,
  seconds,
  connections = 128,
  execArgv = [],
}: HttpBenchmarkOptions): Promise<Row> {
  const env = { ...process.env, PORT: '0', DATABASE_URL: url ?? '' };
  const server = fork(fileURLToPath(new URL('./http-server.js', import.meta.url)), { env, execArgv });
  try {
    const [{ port, key }] = (await once(server, 'message')) as [{ port: number; key: string }];
    const ids = Array.from({ length: 2000 }, newId);
    const body = JSON.stringify({ text: 'x'.repeat(235) });
    let next = 0;
    const noOp = (time: number) => httpLoad({ port, path: '/no-op', connections, seconds: time, body: () => body });
    const commands = (time: number) =>
      httpLoad({
        port,
        path: () => `/notes/${ids[next++ % ids.length]!}`,
        connections,
        seconds: time,
        headers: () => `Idempotency-Key: ${newId()}\r\nAuthorization: Bearer ${key}\r\n`,
        body: () => body,
      });
    await noOp(1.5);
    await commands(1.5);
    const before = await noOp(seconds / 2);
    const measured = await commands(seconds);
    const after = await noOp(seconds / 2);
    const failed = Object.keys(measured.statuses).filter((status) => status !== '200');
    if (failed.length > 0) throw new Error(`commands failed: ${JSON.stringify(measured.statuses)}`);
    const baseline = (before.rate + after.rate) / 2;
    return {
      name: 'http',
      value: measured.rate,
      unit: 'commands/s',
      baseline,
      ratio: measured.rate / baseline,
      note: `no-op POST, ${connections} connections; p50 ${measured.p50.toFixed(1)} ms, p99 ${measured.p99.toFixed(1)} ms`,
    };
  } finally {
    server.disconnect();
    await once(server, 'exit');
  }
}
