// npm run bench: what Yad does in a second beside what the machine can, in the same run. More words go to the
// benchmarks: npm run bench -- --json FILE --seconds 10 append http bulk rebuild growth kafka (or single rows' names)
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { appFlags } from './app-flags.mjs';
import { build, install } from './bootstrap.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2);

install();
build();
compile();

/** Compiles the benchmarks into dist beside the apps, where the `#` imports lead. */
function compile() {
  const swc = join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
  const args = [swc, 'test/benchmarks', 'test/fixtures', '--out-dir', 'dist', '--config-file', '.swcrc', '--quiet'];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status || 1);
}

const stops = [];
const env = { ...process.env };

async function startServers() {
  env.DATABASE_URL ||= env.YAD_TEST_DATABASE_URL ?? '';
  if (!env.DATABASE_URL) {
    const { startEmbeddedPostgres, temporaryDataDir } = await import(
      new URL('../dist/libs/platform/postgres/embedded/embedded-postgres.js', import.meta.url).href
    );
    const dataDir = temporaryDataDir();
    const postgres = await startEmbeddedPostgres({ dataDir, durable: true });
    env.DATABASE_URL = postgres.url;
    stops.push(async () => {
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    });
  }
  env.KAFKA_BROKERS ||= env.YAD_TEST_KAFKA_BROKERS ?? '';
  const named = given.filter((word) => /^[a-z]/.test(word));
  const wanted =
    named.some((word) => word.startsWith('kafka')) ||
    !named.some((word) => /^(append|http|bulk|rebuild|growth|import|read)/.test(word));
  if (wanted && !env.KAFKA_BROKERS) {
    const dataDir = mkdtempSync(join(tmpdir(), 'yad-bench-kafka-'));
    stops.push(() => rmSync(dataDir, { recursive: true, force: true }));
    try {
      const { startKafka } = await import('./kafka/kafka.mjs');
      const kafka = await startKafka({ dataDir, say: console.log });
      env.KAFKA_BROKERS = kafka.brokers;
      stops.push(() => kafka.stop());
    } catch (error) {
      env.YAD_BENCH_NO_KAFKA = error.message;
    }
  }
}

function run() {
  const main = join(root, 'dist', 'test', 'benchmarks', 'main.js');
  // Handed on to the apps, and to the no-op beside them.
  const flags = [...appFlags(), ...process.execArgv];
  const child = spawn(process.execPath, [...flags, main, ...given], { env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

let code = 1;
try {
  await startServers();
  code = await run();
} finally {
  for (const stop of stops.toReversed()) await stop();
}
process.exit(code);
