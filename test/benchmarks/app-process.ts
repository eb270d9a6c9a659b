import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const START_MS = 60_000;

/** One of Yad's apps as a process of its own, from the built tree. What it writes is kept for when it fails. */
export class AppProcess {
  private constructor(
    private readonly child: ChildProcess,
    /** What the awaited line's pattern caught. */
    readonly caught: string,
  ) {}

  /**
   * Starts it and waits for a line.
   * @param app its folder in apps/
   * @param ready matches what it says when it serves; the first group is kept
   * @param execArgv flags of its node, e.g. `--cpu-prof`
   */
  static async start(app: string, ready: RegExp, env: Record<string, string>, execArgv: string[] = []) {
    const main = fileURLToPath(new URL(`../../apps/${app}/main.js`, import.meta.url));
    const child = spawn(process.execPath, [...execArgv, main], {
      env: { ...process.env, NO_COLOR: '1', HOST: '127.0.0.1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const caught = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${app} does not serve: ${output}`)), START_MS);
      const take = (text: string): void => {
        if (output.length < 20_000) output += text;
        const found = ready.exec(output);
        if (!found) return;
        clearTimeout(timer);
        resolve(found[1] ?? '');
      };
      child.stdout.setEncoding('utf8').on('data', take);
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        if (process.env['YAD_DEBUG']) process.stderr.write(text);
        take(text);
      });
      child.once('exit', (code) => reject(new Error(`${app} ended with ${code}: ${output}`)));
    }).catch((error: unknown) => {
      child.kill('SIGKILL');
      throw error;
    });
    return new AppProcess(child, caught);
  }

  /** Ends it in order; by force after some seconds. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const force = setTimeout(() => this.child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(force);
  }
}
