// The broker's folder: server.properties, formatted storage, and the pid file that says whose broker runs on it.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, isAlive, sleep, startedAt } from './processes.mjs';

export const pidFile = (data) => join(data, 'broker.pid');
export const propertiesFile = (data) => join(data, 'server.properties');

/** Writes server.properties of a single node that is broker and controller at once. */
export function writeProperties(
  data,
  port,
  controllerPort,
  { file = propertiesFile(data), log = join(data, 'log'), advertisedPort = port, settings: given = {} } = {},
) {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // Java reads a backslash in a properties file as an escape.
    'log.dirs': log.replaceAll('\\', '/'),
    'auto.create.topics.enable': false,
    'group.initial.rebalance.delay.ms': 0,
    // A restarted broker waits until its former session has lapsed: with the default of 9 s each start takes 12 s.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    // One node holds every internal topic; few partitions start faster.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
  };
  writeFileSync(
    file,
    Object.entries({ ...settings, ...given })
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
}

/** A cluster's id. Never with a `-` in front, as one in 64 would be: the tool takes that for an option. */
export function clusterId(random = randomBytes(16)) {
  random[0] &= 0x7f;
  return random.toString('base64url');
}

/** Formats the storage once: aside, then renamed, so that a killed format leaves nothing half made. */
export function format(java, libs, data) {
  if (existsSync(join(data, 'log', 'meta.properties'))) return;
  const aside = join(data, `log.new`);
  const properties = join(data, 'format.properties');
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  writeProperties(data, 9092, 9093, { file: properties, log: aside });
  const done = spawnSync(
    java,
    ['-cp', join(libs, '*'), '-Xmx128m', 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', properties],
    { encoding: 'utf8' },
  );
  if (done.status !== 0)
    throw new Error(`Kafka's storage could not be formatted in ${data}:\n${done.stderr}${done.stdout}`);
  rmSync(properties);
  rmSync(join(data, 'log'), { recursive: true, force: true });
  renameSync(aside, join(data, 'log'));
}

/** Says whose broker this is: the one who reads it can tell a left-over from one in use. */
export function writePid(data, broker, owner) {
  const text = JSON.stringify({ broker, brokerStarted: startedAt(broker), owner, ownerStarted: startedAt(owner) });
  writeFileSync(`${pidFile(data)}.new`, text);
  renameSync(`${pidFile(data)}.new`, pidFile(data));
}

/**
 * Stops the broker a killed run left on this folder.
 * @throws when the broker belongs to a run that still lives.
 */
export async function stopLeftOver(data, say) {
  const found = readPid(data);
  if (found && isSame(found.broker, found.brokerStarted) && commandLine(found.broker).includes(propertiesFile(data))) {
    if (isSame(found.owner, found.ownerStarted))
      throw new Error(
        `A Kafka broker (process ${found.broker}) of process ${found.owner} runs on ${data}. Stop that one first.`,
      );
    say(`Stopping the Kafka broker a killed run left (process ${found.broker})`);
    await end(found.broker);
  }
  rmSync(pidFile(data), { force: true });
}

function readPid(data) {
  try {
    return JSON.parse(readFileSync(pidFile(data), 'utf8'));
  } catch {
    return undefined;
  }
}

const isSame = (pid, started) => isAlive(pid) && startedAt(pid) === started;

async function end(pid) {
  for (const [signal, seconds] of [
    ['SIGTERM', 15],
    ['SIGKILL', 10],
  ]) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code === 'ESRCH') return;
      throw new Error(`The left-over Kafka broker (process ${pid}) belongs to somebody else; stop it first.`, {
        cause: error,
      });
    }
    for (let i = 0; i < seconds * 10 && isAlive(pid); i++) await sleep(100);
    if (!isAlive(pid)) return;
  }
  throw new Error(`The left-over Kafka broker (process ${pid}) does not end.`);
}
