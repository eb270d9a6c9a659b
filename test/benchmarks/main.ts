// Runs the benchmarks one after the other; started by tools/bench.mjs, which brings the servers up.
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { appendBenchmark, coldAppendBenchmark } from './append.bench.js';
import { asOfCustomerBenchmark } from './as-of-customer.bench.js';
import { bulkBenchmark } from './bulk.bench.js';
import { withDatabase } from './databases.js';
import { growthBenchmark } from './growth.bench.js';
import { httpBenchmark } from './http.bench.js';
import { importReadsBenchmark } from './import-reads.bench.js';
import { kafkaBenchmark } from './kafka.bench.js';
import type { Row } from './measure.js';
import { projectionsBenchmark } from './projections.bench.js';
import { readSnapshotBenchmark } from './read-snapshot.bench.js';
import { rebuildBenchmark } from './rebuild.bench.js';
import { snapshotsBenchmark } from './snapshots.bench.js';

interface Benchmark {
  name: string;
  rows: string[];
  run: (url: string, seconds: number) => Promise<Row[]>;
}

const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',').filter((broker) => broker !== '');
/** Stored streams of which cold ones are taken. */
const coldStreams = Number(process.env['YAD_BENCH_STREAMS'] ?? 1_000_000);
/** Events in the log that is rebuilt, for each second that a benchmark may take. */
const EVENTS_A_SECOND = 20_000;

const benchmarks: Benchmark[] = [
  { name: 'append', rows: ['append-1', 'append-32', 'append-256', 'append-1024'], run: appendBenchmark },
  {
    name: 'append-cold',
    rows: ['append-cold-256'],
    run: (url, seconds) => coldAppendBenchmark(url, seconds, coldStreams),
  },
  {
    name: 'http',
    rows: ['http'],
    run: async (url, seconds) => [await httpBenchmark({ url, seconds, execArgv: process.execArgv })],
  },
  { name: 'bulk', rows: ['bulk'], run: async (url, seconds) => [await bulkBenchmark(url, seconds)] },
  {
    name: 'rebuild',
    rows: ['rebuild'],
    run: async (url, seconds) => [await rebuildBenchmark(url, seconds * EVENTS_A_SECOND)],
  },
  {
    name: 'snapshots',
    rows: ['snapshot-build', 'snapshot-from-day-before', 'as-of-snapshot'],
    run: (url, seconds) => snapshotsBenchmark(url, seconds * EVENTS_A_SECOND),
  },
  { name: 'growth', rows: [], run: growthBenchmark },
  {
    name: 'import-reads',
    rows: ['import-reads-p99'],
    run: async (url, seconds) => [await importReadsBenchmark(url, seconds, process.execArgv)],
  },
  {
    name: 'read-snapshot',
    rows: ['read-snapshot'],
    run: async (url, seconds) => [await readSnapshotBenchmark(url, seconds, process.execArgv)],
  },
  {
    name: 'as-of-customer',
    rows: ['as-of-customer'],
    run: async (url, seconds) => [await asOfCustomerBenchmark(url, seconds)],
  },
  {
    name: 'projections',
    rows: ['projections-30'],
    run: async (url, seconds) => [await projectionsBenchmark(url, seconds)],
  },
  {
    name: 'kafka',
    rows: ['kafka-2000-p50', 'kafka-2000-p99', 'kafka-5000-p99'],
    run: (url, seconds) => kafkaBenchmark({ url, brokers, seconds, execArgv: process.execArgv }),
  },
];

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'string' }, seconds: { type: 'string', default: '10' } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds <= 600)) throw new Error(`--seconds is from 1 to 600, not "${values.seconds}"`);
  const known = benchmarks.flatMap(({ name, rows }) => [name, ...rows]);
  const unknown = positionals.find((word) => !known.includes(word));
  if (unknown !== undefined) throw new Error(`no benchmark ${unknown}: ${[...new Set(known)].join(', ')}`);
  const asked = ({ name, rows }: Benchmark): boolean =>
    positionals.length === 0 || [name, ...rows].some((word) => positionals.includes(word));

  const gigabytes = (totalmem() / 2 ** 30).toFixed(0);
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${gigabytes} GB,`);
  console.log(
    `Node ${process.versions.node}, ${process.platform}; load average ${loadavg()[0]!.toFixed(1)} at the start`,
  );
  const done: Row[] = [];
  const missing = new Map<string, string>();
  for (const { name, rows, run } of benchmarks.filter(asked)) {
    if (name === 'kafka' && brokers.length === 0) {
      for (const row of rows) missing.set(row, process.env['YAD_BENCH_NO_KAFKA'] ?? 'KAFKA_BROKERS names no broker');
      continue;
    }
    console.log(`${name} …`);
    try {
      const found = await withDatabase(process.env['DATABASE_URL']!, (url) => run(url, seconds));
      done.push(
        ...found.filter((row) => positionals.length === 0 || [name, row.name].some((n) => positionals.includes(n))),
      );
    } catch (error) {
      console.error(error);
      for (const row of rows) missing.set(row, `failed: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
  console.log(table(done));
  for (const [row, why] of missing) console.log(`${row}: not run: ${why}`);
  if (values.json) {
    const rows = done.map(({ name, value, unit, baseline, ratio }) => ({ name, value, unit, baseline, ratio }));
    writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  }
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, unit, baseline, ratio, note }) => [
    ...[name, rounded(value), unit, rounded(baseline), ratio.toFixed(2), note ?? ''],
  ]);
  const lines = [['name', 'value', 'unit', 'baseline', 'ratio', 'note'], ...cells];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const numeric = [false, true, false, true, true, false];
  return lines
    .map((line) =>
      line
        .map((cell, at) => (numeric[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const rounded = (value: number): string => (value >= 100 ? String(Math.round(value)) : value.toFixed(1));

await main();
