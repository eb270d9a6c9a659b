// npm test: every spec but the long ones, on a PostgreSQL server of its own. npm run test:long: the long ones, on a
// durable server and a real Kafka broker. More words are given to Jest: npm test -- rfm
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

const stops = [];
const env = {
  ...process.env,
  NODE_OPTIONS:
    `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
};

async function main() {
  if (!env.YAD_TEST_DATABASE_URL) {
    const { startEmbeddedPostgres, temporaryDataDir } = await import(
      new URL('../dist/libs/platform/postgres/embedded/embedded-postgres.js', import.meta.url).href
    );
    const dataDir = temporaryDataDir();
    const postgres = await startEmbeddedPostgres({ dataDir, durable: long });
    env.YAD_TEST_DATABASE_URL = postgres.url;
    stops.push(async () => {
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    });
  }
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
  const args = [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...given];
  if (long) args.push('--runInBand', '--testTimeout=600000', '--testMatch', '**/*.long.spec.ts');
  else args.push('--testPathIgnorePatterns', '\\.long\\.spec\\.ts$', '/node_modules/', '--maxWorkers=2');
  if (process.env.YAD_TEST_RESULTS) args.push('--json', `--outputFile=${process.env.YAD_TEST_RESULTS}`);
  const jest = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
  return new Promise((resolve) => {
    jest.on('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

let code = 1;
try {
  code = await main();
} finally {
  for (const stop of stops.toReversed()) await stop();
}
process.exit(code ?? 1);
