import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppProcess } from './app-process.js';
import { percentile, type Row } from './measure.js';
import { paced } from './paced.js';
import { RawHttp } from './raw-http.js';

const READS_A_SECOND = 20;
/** Invoices for each second that the benchmark may take, of eight lines: more than an import manages, so that it lasts. */
const INVOICES_A_SECOND = 2_500;
const LINES = 8;
const CUSTOMERS = 4_000;

/** A shop's invoices as the Online Retail file has them. */
function invoices(from: number, count: number): string {
  const rows: string[] = [];
  for (let n = from; n < from + count; n++) {
    const date = new Date(Date.UTC(2011, 0, 1, 8) + n * 1000).toISOString().slice(0, 19).replace('T', ' ');
    for (let line = 0; line < LINES; line++) {
      const sku = 20_000 + ((n * 7 + line) % 3_000);
      rows.push(
        `${500_000 + n},${sku},PART ${sku},${1 + (n % 5)},${date},2.55,${10_000 + (n % CUSTOMERS)},United Kingdom`,
      );
    }
  }
  return `InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${rows.join('\n')}\n`;
}

/**
 * How long readers wait while `yad import` runs as fast as it can against the same process and database: one customer,
 * its orders and timeline, and first pages of lists, 20 a second. Beside it: the same reads with nobody writing.
 */
export async function importReadsBenchmark(url: string, seconds: number, execArgv: string[]): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'yad-import-reads-'));
  const app = await AppProcess.start('standalone', { DATABASE_URL: url, YAD_DATA: folder }, execArgv);
  const http = new RawHttp(app.origin);
  try {
    writeFileSync(join(folder, 'first.csv'), invoices(0, CUSTOMERS));
    await importer(folder, 'first.csv', app.origin).ended;
    const first = await http.get('/v1/customers?limit=50&sort=recency');
    const ids = (JSON.parse(first.body) as { data: { id: string }[] }).data.map(({ id }) => id);
    const paths = [
      (id: string) => `/v1/customers/${id}`,
      (id: string) => `/v1/customers/${id}/orders?limit=20`,
      (id: string) => `/v1/customers/${id}/timeline?limit=20`,
      () => '/v1/customers?limit=50',
      () => '/v1/orders?limit=50',
    ];
    const readFor = async (time: number): Promise<number[]> => {
      const waits: number[] = [];
      await paced(READS_A_SECOND, time, async (index) => {
        const began = performance.now();
        const { status, body } = await http.get(paths[index % paths.length]!(ids[index % ids.length]!));
        if (status !== 200) throw new Error(`${status}: ${body.slice(0, 300)}`);
        waits.push(performance.now() - began);
      });
      return waits.toSorted((a, b) => a - b);
    };
    await readFor(1);
    const alone = await readFor(seconds / 2);
    writeFileSync(join(folder, 'more.csv'), invoices(CUSTOMERS, Math.ceil(INVOICES_A_SECOND * (seconds + 2))));
    const running = importer(folder, 'more.csv', app.origin);
    // It has begun to send when the first of its invoices are read.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const beside = await readFor(seconds);
    if (running.isOver()) throw new Error('the import ended before the reads did: nothing was measured beside it');
    running.kill();
    await running.ended.catch(() => {});
    const [value, baseline] = [beside, alone].map((waits) => percentile(waits, 0.99));
    return {
      name: 'import-reads-p99',
      value: value!,
      unit: 'ms',
      baseline: baseline!,
      ratio: value! / baseline!,
      note: `reads while an import runs; p50 ${percentile(beside, 0.5).toFixed(1)} ms, alone ${percentile(alone, 0.5).toFixed(1)} ms, ${beside.length} reads`,
    };
  } finally {
    http.close();
    await app.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function importer(folder: string, file: string, origin: URL) {
  const main = fileURLToPath(new URL('../../apps/cli/main.js', import.meta.url));
  const args = [main, 'import', join(folder, file), '--map', 'online-retail', '--url', origin.origin];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const ended = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`yad import ended with ${code}: ${output.slice(-1_000)}`);
  });
  ended.catch(() => {});
  return { ended, kill: () => child.kill('SIGTERM'), isOver: () => child.exitCode !== null };
}
