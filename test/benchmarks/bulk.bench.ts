import { newId } from '#platform/kernel/ids.js';
import { AppProcess } from './app-process.js';
import { insertRate } from './insert-rate.js';
import { atOnce, type Row } from './measure.js';
import { RawHttp } from './raw-http.js';

const ITEMS = 5_000;
const CONNECTIONS = 2;

/**
 * `POST /v1/commands:batch` of the operations app, in a process of its own, beside the same server's one-row INSERT
 * rate with 32 clients: what a sender would reach who writes rows one by one instead.
 */
export async function bulkBenchmark(url: string, seconds: number): Promise<Row> {
  const app = await AppProcess.start('operations', { DATABASE_URL: url });
  const http = new RawHttp(app.origin, CONNECTIONS);
  try {
    const send = async (): Promise<void> => {
      const { status, body } = await http.post('/v1/commands:batch', batchOf(ITEMS));
      const stored = body.split('"status":201,').length - 1;
      if (status !== 200 || stored !== ITEMS) throw new Error(`${stored} of ${ITEMS}: ${status} ${body.slice(0, 500)}`);
    };
    await atOnce(CONNECTIONS, 2, send);
    const before = await insertRate(url, 32, seconds / 2);
    const { rate, p50 } = await atOnce(CONNECTIONS, seconds, send);
    const after = await insertRate(url, 32, seconds / 2);
    const baseline = (before.rate + after.rate) / 2;
    return {
      name: 'bulk',
      value: rate * ITEMS,
      unit: 'commands/s',
      baseline,
      ratio: (rate * ITEMS) / baseline,
      note: `INSERT by ${before.by}, 32 clients; ${CONNECTIONS} connections, ${ITEMS} RegisterContact a request, p50 ${p50.toFixed(0)} ms`,
    };
  } finally {
    http.close();
    await app.stop();
  }
}

function batchOf(size: number): string {
  const items: string[] = [];
  for (let i = 0; i < size; i++) {
    const id = newId();
    items.push(
      `{"command":"RegisterContact","key":"${id}","input":{"id":"${id}","name":{"given":"Ann","family":"Bench ${i}"}}}`,
    );
  }
  return `{"items":[${items.join(',')}]}`;
}
