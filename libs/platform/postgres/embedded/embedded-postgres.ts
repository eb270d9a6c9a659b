import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect } from '../connection.js';
import { binaries, serverUser, type ServerUser } from './binaries.js';
import { isRunning, ownerOf, releaseOwnership, takeOwnership } from './ownership.js';
import { resolveDataDir } from './data-dir.js';
import { addressOf, keepPassword, loginOf, newPassword } from './logins.js';

export interface EmbeddedOptions {
  /** Folder of the data; made when it is not there. */
  dataDir: string;
  /** A free one when absent. */
  port?: number;
  /** False only for tests: a crash of the machine may lose what was committed. */
  durable?: boolean;
  /** Told in a few words what takes time. */
  log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** Connection string of the database `yad`, as its owner. */
  url: string;
  /** The login that apps are to use, which is the owner's to make: its name and password, and the connection string. */
  apps: { name: string; password: string; url: string };
  port: number;
  stop(): Promise<void>;
}

/**
 * glibc gives memory back to the kernel after nearly each statement, and fetches it again for the next: a tenth of what
 * an append costs the server. What is set outside goes before; other allocators do not know these names.
 */
const ALLOCATOR = { MALLOC_TOP_PAD_: '1048576', MALLOC_TRIM_THRESHOLD_: '67108864' };

const START_PATIENCE_MS = 60_000;

/**
 * Starts the PostgreSQL server that comes with npm, on this machine's loopback only, and makes the database `yad`.
 * It ends with this process, however that ends; what a killed process left running is stopped first. The first
 * start initialises aside and renames, so that one which is killed leaves nothing half made.
 * @throws Error when another process has started a server on the same folder
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log = () => {}, durable = true } = options;
  const user = serverUser();
  const folder = resolve(options.dataDir);
  const dataDir = resolveDataDir(folder, user);
  if (dataDir !== folder) log(`${folder} is where only root may enter; the data is kept in ${dataDir}`);
  mkdirSync(dataDir, { recursive: true });
  if (user) chownSync(dataDir, user.uid, user.gid);
  const bin = binaries(user);
  const cluster = join(dataDir, 'cluster');

  let owner = ownerOf(dataDir);
  // A process that was killed a moment ago may still be on its way out.
  for (let tries = 0; owner && tries < 10; tries++) {
    await sleep(100);
    owner = ownerOf(dataDir);
  }
  if (owner) throw new Error(`${dataDir} is in use by process ${owner}: stop it, or set YAD_DATA to another folder`);
  takeOwnership(dataDir);
  await stopLeftOver(cluster, log);
  for (const name of readdirSync(dataDir)) {
    if (!name.startsWith('cluster.new-')) continue;
    // The initdb of a killed start may still be writing there; it ends by itself.
    rmSync(join(dataDir, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
  if (!existsSync(cluster)) await initialise(bin, dataDir, cluster, user, log);

  const port = options.port ?? (await freePort());
  const server = launch(bin, dataDir, cluster, port, durable, user);
  const exited = new Promise<void>((done) => server.once('exit', () => done()));
  const guard = watch(server.pid!, user);
  const url = addressOf(cluster, 'owner', port);
  try {
    await untilReady(`${url}/postgres`, server, join(dataDir, 'postgres.log'));
    await ensureDatabase(`${url}/postgres`);
  } catch (error) {
    server.kill('SIGINT');
    releaseOwnership(dataDir);
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    // Unheeded by the event loop until now; from here on its end is waited for.
    server.ref();
    server.kill('SIGINT');
    await exited;
    guard.stdin?.destroy();
    releaseOwnership(dataDir);
  };
  keepPassword(cluster, 'apps', user);
  const apps = { ...loginOf(cluster, 'apps'), url: `${addressOf(cluster, 'apps', port)}/yad` };
  return { url: `${url}/yad`, apps, port, stop: () => (stopping ??= stop()) };
}

async function initialise(
  bin: string,
  dataDir: string,
  cluster: string,
  user: ServerUser | undefined,
  log: (line: string) => void,
): Promise<void> {
  log('preparing the database, once …');
  const suffix = randomBytes(4).toString('hex');
  const aside = join(dataDir, `cluster.new-${suffix}`);
  const password = newPassword();
  const passwordFile = join(dataDir, `password.${suffix}`);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) chownSync(passwordFile, user.uid, user.gid);
  try {
    const settings = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--username=yad', '--no-sync'];
    await promisify(execFile)(join(bin, 'initdb'), [...settings, `--pwfile=${passwordFile}`, `--pgdata=${aside}`], {
      ...user,
      cwd: dataDir,
    });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(`the database could not be prepared in ${dataDir}: ${stderr?.trim() || message}`, { cause: error });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  keepPassword(aside, 'owner', user, password);
  renameSync(aside, cluster);
}

function launch(
  bin: string,
  dataDir: string,
  cluster: string,
  port: number,
  durable: boolean,
  user: ServerUser | undefined,
): ChildProcess {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '256MB',
    max_wal_size: '2GB',
    checkpoint_timeout: '15min',
    wal_level: 'minimal',
    max_wal_senders: 0,
    jit: 'off',
    fsync: durable ? 'on' : 'off',
    timezone: 'UTC',
    logging_collector: 'off',
    log_min_messages: 'warning',
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const logFile = openSync(join(dataDir, 'postgres.log'), 'a');
  try {
    const server = spawn(join(bin, 'postgres'), ['-D', cluster, '-p', String(port), ...given], {
      ...user,
      cwd: dataDir,
      env: { ...ALLOCATOR, ...process.env },
      // A group of its own, so that Ctrl-C reaches us and not the database, which we then stop in order.
      detached: true,
      stdio: ['ignore', logFile, logFile],
    });
    server.on('error', () => {});
    server.unref();
    return server;
  } finally {
    closeSync(logFile);
  }
}

/** A tiny process that holds one end of a pipe: when this process is gone, even by kill -9, it stops the server. */
function watch(pid: number, user: ServerUser | undefined): ChildProcess {
  const [program, given] =
    process.platform === 'win32'
      ? [process.execPath, ['-e', `process.stdin.resume().on('close', () => process.kill(${pid}))`]]
      : ['/bin/sh', ['-c', `cat > /dev/null; kill -INT ${pid}`]];
  const guard = spawn(program, given, { ...user, cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.on('error', () => {});
  guard.stdin!.on('error', () => {});
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

/** Stops a server whose starter was killed, in order, so that its data is whole. */
async function stopLeftOver(cluster: string, log: (line: string) => void): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isRunning(pid, 'postgres')) {
    rmSync(pidFile, { force: true });
    return;
  }
  log(`stopping the database (process ${pid}) that an earlier run left behind …`);
  process.kill(pid, 'SIGINT');
  for (let waited = 0; isRunning(pid, 'postgres'); waited += 100) {
    if (waited === 20_000) process.kill(pid, 'SIGQUIT');
    if (waited > 30_000) throw new Error(`the left-over database, process ${pid}, does not stop`);
    await sleep(100);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done, fail) => probe.once('error', fail).listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}

async function untilReady(url: string, server: ChildProcess, logFile: string): Promise<void> {
  const end = Date.now() + START_PATIENCE_MS;
  for (;;) {
    if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) {
      const last = existsSync(logFile) ? readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' | ') : '';
      throw new Error(`the database did not start: ${last} (see ${logFile})`);
    }
    try {
      await (await connect(url, { role: 'admin', limits: { connectMs: 2000 } })).end();
      return;
    } catch (error) {
      if (Date.now() > end) throw new Error(`the database does not answer (see ${logFile})`, { cause: error });
      await sleep(30);
    }
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = await connect(url, { role: 'admin' });
  try {
    const { rowCount } = await client.query(`select from pg_database where datname = 'yad'`);
    if (!rowCount) await client.query('create database yad');
  } finally {
    await client.end();
  }
}

/** A folder for a server that is thrown away. */
export const temporaryDataDir = (): string => join(tmpdir(), `yad-test-${randomBytes(6).toString('hex')}`);
