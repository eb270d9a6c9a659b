// A real Apache Kafka broker (KRaft, one node) on 127.0.0.1, as a library.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureJars, findJava } from './jars.mjs';
import { freePort, portAnswers } from './processes.mjs';
import { format, propertiesFile, stopLeftOver, writeProperties } from './storage.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const defaultDir = () => resolve(process.env.YAD_KAFKA_DIR || join(here, '..', '..', '.kafka'));

const START_TIMEOUT_MS = 120_000;

/**
 * Starts a broker and waits until it serves. It ends with the calling process, even when that is killed.
 *
 * @param {object} [options]
 * @param {string} [options.dir] the jars' folder (default: YAD_KAFKA_DIR or `.kafka/` of the repository)
 * @param {number} [options.port] port on 127.0.0.1; 0 (default) takes a free one. Give a port to restart on the same.
 * @param {number} [options.advertisedPort] port that clients are told, where they come through a proxy
 * @param {string} [options.dataDir] the data's folder (default: `data/` in `dir`); a second start goes on with it
 * @param {boolean} [options.clean] remove the data first
 * @param {Record<string, string>} [options.settings] of the broker, over those that it has by itself
 * @param {(text: string) => void} [options.say] told of the progress
 * @throws when Java or Maven is missing, the port is taken, the data is in use, or the broker ends while starting.
 */
export async function startKafka({
  dir = defaultDir(),
  port = 0,
  advertisedPort,
  dataDir,
  clean = false,
  settings,
  say = () => {},
} = {}) {
  const data = resolve(dataDir ?? join(dir, 'data'));
  const java = findJava();
  const libs = await ensureJars(resolve(dir), say);
  mkdirSync(data, { recursive: true });
  await stopLeftOver(data, say);
  if (clean) {
    rmSync(data, { recursive: true, force: true });
    mkdirSync(data, { recursive: true });
  }
  format(java, libs, data);

  const taken = port || (await freePort());
  if (await portAnswers(taken)) throw new Error(`Port ${taken} of 127.0.0.1 is taken: set KAFKA_PORT to another.`);
  // The controller's port is only the broker's own affair: a new free one at each start.
  writeProperties(data, taken, await freePort(), { advertisedPort, settings });
  say(`Starting Kafka on 127.0.0.1:${taken}, data in ${data}`);
  return launch({ java, libs, data, port: taken });
}

async function launch({ java, libs, data, port }) {
  const log = join(data, 'broker.log');
  const command = [
    // For a broker of minutes on a small machine: the second compiler and G1 take a third of a core from those who use
    // it, for longer than most runs last.
    ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xms256m', '-Xmx512m', '-XX:+ExitOnOutOfMemoryError'],
    ['-Djava.awt.headless=true'],
    ['-cp', join(libs, '*'), `-Dlog4j2.configurationFile=${join(here, 'log4j2.xml')}`, `-Dyad.kafka.log=${log}`],
    ['kafka.Kafka', propertiesFile(data)],
  ].flat();
  // NODE_OPTIONS of the caller (an inspector's port, a loader) are not the keeper's.
  const { NODE_OPTIONS: _, ...env } = process.env;
  // A session of its own: Ctrl-C in the terminal reaches the caller only, who then stops the broker in order.
  const keeper = spawn(
    process.execPath,
    [join(here, 'keeper.mjs'), data, String(process.pid), join(data, 'console.log'), java, ...command],
    { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env },
  );

  let pid;
  let ending;
  const exited = new Promise((done) => {
    keeper.on('message', (message) => {
      if ('exit' in message) ending = message.exit;
    });
    keeper.once('error', (error) => done(error.message));
    // 'close', not 'exit': the last messages are read by then.
    keeper.once('close', (code, signal) => done(ending ?? signal ?? code));
  });
  const ready = new Promise((done) => {
    keeper.on('message', (message) => {
      if (message.pid) pid = message.pid;
      if (message.ready) done(true);
    });
  });

  let timer;
  const late = new Promise((done) => {
    timer = setTimeout(() => done('no answer in time'), START_TIMEOUT_MS);
  });
  const outcome = await Promise.race([ready, exited, late]);
  clearTimeout(timer);
  if (outcome !== true) {
    if (keeper.connected) keeper.disconnect();
    throw new Error(`Kafka did not start (${outcome}). The end of its logs in ${data}:\n${tail(data)}`);
  }

  // From here on the broker alone does not keep the caller alive.
  keeper.unref();
  keeper.channel?.unref();
  const ended = async () => {
    // An unreferenced child would let the caller end while it waits for the broker.
    const hold = setInterval(() => {}, 1000);
    try {
      return await exited;
    } finally {
      clearInterval(hold);
    }
  };
  return {
    /** The bootstrap address, as KAFKA_BROKERS takes it. */
    brokers: `127.0.0.1:${port}`,
    port,
    dataDir: data,
    /** The Java process: a fault test may send it any signal. */
    pid,
    /** Resolves to the exit code or signal when the broker has ended, for whatever reason. */
    exited,
    /** Stops in order (SIGTERM, after 20 s SIGKILL). Resolves when the process is gone; may be called twice. */
    stop: () => {
      if (keeper.connected) keeper.send('stop', () => {});
      return ended();
    },
    /** `kill -9` of the broker. Resolves when the process is gone; the data stays for the next start. */
    kill: () => {
      if (ending === undefined && keeper.exitCode === null && keeper.signalCode === null) process.kill(pid, 'SIGKILL');
      return ended();
    },
  };
}

const tail = (data) =>
  ['broker.log', 'console.log']
    .map((name) => join(data, name))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8').trim().split('\n').slice(-8).join('\n'))
    .join('\n');
