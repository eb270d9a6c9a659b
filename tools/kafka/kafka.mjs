#!/usr/bin/env node
// `npm run kafka`: a real Apache Kafka broker for development and tests, without Docker. Also a library: startKafka.
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultDir, startKafka } from './broker.mjs';

export { startKafka } from './broker.mjs';

const HELP = `npm run kafka: a real Apache Kafka broker (KRaft) on 127.0.0.1; Ctrl-C stops it.

  KAFKA_PORT      the port (9092; 0 takes a free one)
  YAD_KAFKA_DIR   the folder of the jars and, in data/, of the messages (.kafka/)
  YAD_KAFKA_DATA  another folder for the messages

  --clean         forget the messages of earlier runs`;

/** Rewrites one line on a terminal, prints line by line elsewhere. */
function progress(out) {
  let open = false;
  return {
    say(text) {
      const counts = text.startsWith('Kafka jars');
      if (out.isTTY && counts) out.write(`\r\u001b[K${text}`);
      else out.write(`${open ? '\n' : ''}${text}\n`);
      open = Boolean(out.isTTY) && counts;
    },
  };
}

function readPort() {
  const text = process.env.KAFKA_PORT || '9092';
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new Error(`KAFKA_PORT is a port from 0 to 65535, not "${text}".`);
  return port;
}

/** An npm that is killed cannot tell what it started: that looks whether its parent is another one by now. */
function endWithNpm(stop) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const npm = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === npm) return;
    clearInterval(timer);
    stop();
  }, 500);
  timer.unref();
}

async function main(args) {
  if (args.includes('--help')) return console.log(HELP);
  const unknown = args.find((arg) => arg !== '--clean');
  if (unknown !== undefined) throw new Error(`Unknown option ${unknown}.\n\n${HELP}`);

  let broker;
  let stopping = false;
  const stop = () => {
    // Before the broker is up there is nothing to stop in order: the keeper ends it with this process.
    if (!broker) process.exit(130);
    if (stopping) return;
    stopping = true;
    console.log('Stopping Kafka');
    void broker.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  endWithNpm(stop);

  const { say } = progress(process.stdout);
  broker = await startKafka({
    dir: defaultDir(),
    dataDir: process.env.YAD_KAFKA_DATA || undefined,
    port: readPort(),
    clean: args.includes('--clean'),
    say,
  });
  say(`Kafka is ready (process ${broker.pid}): KAFKA_BROKERS=${broker.brokers}`);

  const hold = setInterval(() => {}, 60_000);
  const ending = await broker.exited;
  clearInterval(hold);
  if (stopping) return console.log('Kafka has stopped');
  throw new Error(`Kafka ended by itself (${ending}); see broker.log and console.log in ${broker.dataDir}`);
}

const isMain =
  process.argv[1] && existsSync(process.argv[1]) && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isMain)
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
