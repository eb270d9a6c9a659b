import { describe } from '@jest/globals';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.js';

/** Folder of a PostgreSQL server's programs (initdb, postgres, pg_basebackup); undefined where there is none. */
export const programs = process.env['YAD_TEST_PG_BIN'];

/**
 * A `describe` of what needs servers of its own: it runs where YAD_TEST_PG_BIN names a server's programs.
 * @throws Error when there are none although nothing may be skipped (YAD_TEST_NO_SKIP)
 */
export function describeWithReplica(name: string, specs: () => void): void {
  if (programs && existsSync(join(programs, 'pg_basebackup'))) {
    describe(name, specs);
    return;
  }
  const missing = `${name}: not run, for YAD_TEST_PG_BIN names no folder with pg_basebackup`;
  if (process.env['YAD_TEST_NO_SKIP']) throw new Error(missing);
  console.log(missing);
  describe.skip(name, () => {});
}

export interface Node {
  readonly folder: string;
  readonly port: number;
  child?: ChildProcess;
  ended?: Promise<unknown>;
}

/** Runs statements on one connection. */
export async function sql(url: string, text: string, values?: unknown[]): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/**
 * A primary with an asynchronous streaming replica, and one address in front of whichever is the primary, as a virtual
 * address or a proxy is. Servers do not run as root: as the user `postgres` then.
 */
export class ReplicatedPostgres {
  private readonly sockets = new Set<Socket>();
  private readonly front = createServer((from) => {
    const to = connect(this.target, '127.0.0.1');
    this.sockets.add(from).add(to);
    const end = (): void => {
      for (const socket of [from, to]) {
        socket.destroy();
        this.sockets.delete(socket);
      }
    };
    for (const socket of [from, to]) socket.on('error', end).on('close', end);
    from.pipe(to);
    to.pipe(from);
  });
  private target = 0;

  private constructor(
    private readonly root: string,
    private readonly owner: { uid: number; gid: number } | undefined,
    private readonly primary: Node,
    private readonly replica: Node,
  ) {}

  static async start(): Promise<ReplicatedPostgres> {
    const root = mkdtempSync(join(tmpdir(), 'yad-replica-'));
    const owner = process.getuid?.() === 0 ? userPostgres() : undefined;
    chmodSync(root, 0o755);
    if (owner) chownSync(root, owner.uid, owner.gid);
    const cluster = new ReplicatedPostgres(root, owner, await aNode(root, 'first'), await aNode(root, 'second'));
    const { primary, replica } = cluster;
    cluster.run(
      'initdb',
      '-D',
      primary.folder,
      '-A',
      'trust',
      '-U',
      'yad',
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C',
    );
    appendFileSync(
      join(primary.folder, 'postgresql.conf'),
      `\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nwal_level=replica\nmax_wal_senders=5\n` +
        `wal_keep_size=256MB\nmax_connections=200\nfsync=off\nfull_page_writes=off\n`,
    );
    await cluster.launch(primary);
    await sql(admin(primary), 'create database yad');
    cluster.run(
      'pg_basebackup',
      '-h',
      '127.0.0.1',
      '-p',
      String(primary.port),
      '-U',
      'yad',
      '-D',
      replica.folder,
      '-R',
      '-c',
      'fast',
    );
    await cluster.launch(replica);
    cluster.target = primary.port;
    await new Promise<void>((done) => cluster.front.listen(0, '127.0.0.1', done));
    return cluster;
  }

  /** Of the database, by the address in front. */
  get url(): string {
    return `postgres://yad@127.0.0.1:${(this.front.address() as AddressInfo).port}/yad`;
  }

  /** The replica holds what is committed by now, and nothing that comes from here on. */
  async holdBackReplica(): Promise<void> {
    const [now] = await sql(admin(this.primary), 'select pg_current_wal_lsn()::text as at');
    await until('the replica has caught up', async () => {
      const rows = await sql(admin(this.replica), 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as ok', [now.at]);
      return rows[0].ok as boolean;
    });
    await sql(admin(this.replica), `alter system set primary_conninfo = ''`);
    await sql(admin(this.replica), 'select pg_reload_conf()');
    await until('the replica receives no more', async () => {
      return (await sql(admin(this.replica), 'select count(*)::int as n from pg_stat_wal_receiver'))[0].n === 0;
    });
  }

  /** The primary dies, the replica is promoted, and the address leads to it. */
  async failOver(): Promise<void> {
    const { primary, replica } = this;
    primary.child!.kill('SIGKILL');
    await primary.ended;
    await sql(admin(replica), 'select pg_promote(true, 30)');
    this.target = replica.port;
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.front.close();
    for (const socket of this.sockets) socket.destroy();
    for (const { child, ended } of [this.primary, this.replica]) {
      if (child?.exitCode === null && child.signalCode === null) child.kill('SIGQUIT');
      await ended;
    }
    rmSync(this.root, { recursive: true, force: true });
  }

  private run(program: string, ...given: string[]): void {
    execFileSync(join(programs!, program), given, { ...this.owner, cwd: this.root, stdio: 'pipe' });
  }

  private async launch(node: Node): Promise<void> {
    const child = spawn(join(programs!, 'postgres'), ['-D', node.folder, '-p', String(node.port)], {
      ...this.owner,
      cwd: this.root,
      stdio: 'ignore',
    });
    node.child = child;
    node.ended = new Promise((done) => child.once('exit', done));
    await until('the server answers', () =>
      sql(admin(node), 'select 1').then(
        () => true,
        () => false,
      ),
    );
  }
}

const admin = ({ port }: Node): string => `postgres://yad@127.0.0.1:${port}/postgres`;

export async function aNode(root: string, name: string): Promise<Node> {
  return { folder: join(root, name), port: await freePort() };
}

export function userPostgres(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('postgres:'));
  if (!line) throw new Error('there is no user postgres to run a server as');
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; ; await sleep(100)) {
    if (await condition()) return;
    if (Date.now() > end) throw new Error(`waited 30 s in vain: ${what}`);
  }
}
