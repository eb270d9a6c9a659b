import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_MS = 60_000;

/** One of Yad's apps as a process of its own, from the built tree. */
export class AppProcess {
  private output = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly app: string,
    /** Where it answers. */
    readonly origin: URL,
  ) {
    // Kept for when it fails, and no more than that.
    const keep = (text: string): void => {
      if (process.env['YAD_DEBUG']) process.stderr.write(text);
      this.output = (this.output + text).slice(-10_000);
    };
    for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', keep);
  }

  /**
   * Starts it on a free port and waits until it is ready.
   * @param app its folder in apps/
   * @param execArgv flags of its node, e.g. `--cpu-prof`
   */
  static async start(app: string, env: Record<string, string>, execArgv: string[] = []) {
    const port = await freePort();
    const main = fileURLToPath(new URL(`../../apps/${app}/main.js`, import.meta.url));
    const child = spawn(process.execPath, [...execArgv, main], {
      env: { ...process.env, NO_COLOR: '1', HOST: '127.0.0.1', DRAIN_MS: '0', PORT: String(port), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = new AppProcess(child, app, new URL(`http://127.0.0.1:${port}`));
    await started.ready().catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return started;
  }

  /** Ends it in order; by force after some seconds. */
  async stop(): Promise<void> {
    if (this.isOver) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const force = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(force);
  }

  private get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private async ready(): Promise<void> {
    for (const until = Date.now() + START_MS; ; await sleep(50)) {
      if (this.isOver) throw new Error(`${this.app} ended with ${this.child.exitCode}: ${this.output}`);
      const answer = await fetch(new URL('/health/ready', this.origin)).catch(() => undefined);
      if (answer?.ok) return;
      if (Date.now() > until) throw new Error(`${this.app} does not get ready: ${this.output}`);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
