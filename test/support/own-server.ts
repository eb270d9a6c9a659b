import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aNode, programs, sql, until, userPostgres, type Node } from './replica.js';

const SETTINGS = [
  ...[`listen_addresses = '127.0.0.1'`, `unix_socket_directories = ''`, `max_connections = 200`, `fsync = off`],
  ...[`wal_level = replica`, `max_wal_senders = 5`],
];

/** A PostgreSQL server of a spec's own, whose folder can be copied and put back. Not run as root. */
export class OwnServer {
  private readonly owner = process.getuid?.() === 0 ? userPostgres() : undefined;

  private constructor(
    readonly root: string,
    private readonly node: Node,
  ) {}

  /** A new cluster with a superuser `yad`; started. */
  static async start(settings: readonly string[] = [], hba?: string): Promise<OwnServer> {
    const root = mkdtempSync(join(tmpdir(), 'yad-server-'));
    chmodSync(root, 0o755);
    const server = new OwnServer(root, await aNode(root, 'data'));
    server.give(root);
    server.run('initdb', '-D', server.folder, '-A', 'trust', '-U', 'yad', '--no-sync', '--encoding=UTF8', '--locale=C');
    appendFileSync(join(server.folder, 'postgresql.conf'), `\n${[...SETTINGS, ...settings].join('\n')}\n`);
    if (hba) writeFileSync(join(server.folder, 'pg_hba.conf'), hba);
    await server.launch();
    return server;
  }

  get folder(): string {
    return this.node.folder;
  }

  get port(): number {
    return this.node.port;
  }

  url(database: string, user = 'yad'): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs one of the server's programs, in its folder, as its user. */
  run(program: string, ...given: string[]): string {
    return execFileSync(join(programs!, program), given, {
      ...this.owner,
      cwd: this.root,
      stdio: 'pipe',
      encoding: 'utf8',
    });
  }

  /** Gives a file to the server's user. */
  give(path: string): void {
    if (this.owner) chownSync(path, this.owner.uid, this.owner.gid);
  }

  async launch(): Promise<void> {
    const child = spawn(join(programs!, 'postgres'), ['-D', this.folder, '-p', String(this.port)], {
      ...this.owner,
      cwd: this.root,
      stdio: 'ignore',
    });
    this.node.child = child;
    this.node.ended = new Promise((done) => child.once('exit', done));
    // By the process' own word: with TLS alone nobody gets in without.
    await until('the server answers', async () => {
      try {
        this.run('pg_isready', '-h', '127.0.0.1', '-p', String(this.port), '-q');
        return true;
      } catch {
        return false;
      }
    });
  }

  async halt(): Promise<void> {
    const { child, ended } = this.node;
    if (child?.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    await ended;
  }

  /** Puts another folder in the place of the server's, which is stopped. */
  putBack(from: string): void {
    rmSync(this.folder, { recursive: true, force: true });
    cpSync(from, this.folder, { recursive: true, preserveTimestamps: true });
    if (this.owner) execFileSync('chown', ['-R', `${this.owner.uid}:${this.owner.gid}`, this.folder]);
    chmodSync(this.folder, 0o700);
  }

  async stop(): Promise<void> {
    await this.halt();
    rmSync(this.root, { recursive: true, force: true });
  }
}

export { sql };
