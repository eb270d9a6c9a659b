// npm test: every spec but the long ones, on a PostgreSQL server of its own. npm run test:long: the long ones, on a
// durable server and a real Kafka broker, in two runs side by side: those in which servers fail mostly wait for them,
// and have a database server of their own, as one whose disk is full refuses others, too.
// More words are given to Jest: npm test -- rfm
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, install } from './bootstrap.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = process.argv.includes('--long');
const given = process.argv.slice(2).filter((word) => word !== '--long');

install();
build();

/** Where the specs are that wait for servers which fail; in the other run is one of them, so that both take as long. */
const WAITING = ['**/test/faults/*.long.spec.ts', '**/test/conformance/event-bus/*.long.spec.ts'];
const OTHERWISE = 'going-down';
const WAITING_PATHS = [`/test/faults/(?!${OTHERWISE})`, '/test/conformance/event-bus/'];

const stops = [];
const env = {
  ...process.env,
  NODE_OPTIONS:
    `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
};

async function main() {
  env.YAD_TEST_DATABASE_URL ||= await startPostgres();
  if (long && !env.YAD_TEST_KAFKA_BROKERS) {
    try {
      const { startKafka } = await import('./kafka/kafka.mjs');
      const kafka = await startKafka({ port: 19_192, clean: true });
      env.YAD_TEST_KAFKA_BROKERS = kafka.brokers;
      stops.push(() => kafka.stop());
    } catch (error) {
      console.log(`No Kafka broker (${error.message}): the specs that need one are skipped.`);
    }
  }
  const results = process.env.YAD_TEST_RESULTS;
  if (!long) {
    return jest(['--testPathIgnorePatterns', '\\.long\\.spec\\.ts$', '/node_modules/', '--maxWorkers=2'], results);
  }
  const longOnes = ['--runInBand', '--testTimeout=600000', '--testMatch'];
  if (given.length > 0) return jest([...longOnes, '**/*.long.spec.ts'], results);
  const codes = await Promise.all([
    jest(
      [...longOnes, ...WAITING, '--testPathIgnorePatterns', OTHERWISE, '/node_modules/'],
      results?.replace(/\.json$/, '-faults.json'),
      {
        YAD_TEST_DATABASE_URL: await startPostgres(),
      },
    ),
    jest([...longOnes, '**/*.long.spec.ts', '--testPathIgnorePatterns', ...WAITING_PATHS, '/node_modules/'], results),
  ]);
  return codes.find((code) => code !== 0) ?? 0;
}

/** Starts an embedded server for this run; resolves to its address. */
async function startPostgres() {
  const { startEmbeddedPostgres, temporaryDataDir } = await import(
    new URL('../dist/libs/platform/postgres/embedded/embedded-postgres.js', import.meta.url).href
  );
  const dataDir = temporaryDataDir();
  const postgres = await startEmbeddedPostgres({ dataDir, durable: long });
  stops.push(async () => {
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return postgres.url;
}

/** Runs Jest; resolves to its exit code. */
function jest(options, results, more = {}) {
  const args = [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...given, ...options];
  if (results) args.push('--json', `--outputFile=${results}`);
  const child = spawn(process.execPath, args, { cwd: root, env: { ...env, ...more }, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

let code = 1;
try {
  code = await main();
} finally {
  for (const stop of stops.toReversed()) await stop();
}
process.exit(code ?? 1);
