import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { appFlags, cliFlags } from '../../tools/app-flags.mjs';

/** Root of the project. Jest runs there. */
export const root = process.cwd();

/** Says at its end how much memory the process had at most, in kilobytes: as its last line on stderr. */
const peakHook = `data:text/javascript,${encodeURIComponent(
  `import { writeSync } from 'node:fs';
   process.on('exit', () => writeSync(2, '\\npeak-rss ' + process.resourceUsage().maxRSS + '\\n'));`,
)}`;

export interface Ended {
  code: number | null;
  /** What it wrote, both streams together. */
  output: string;
  /** Most memory that it held, in megabytes; NaN when it was killed. */
  peakMB: number;
}

/** One of Yad's programs as a process of its own, from the built tree, as `npm start` starts it. */
export class Program {
  output = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;

  /** @param main path below dist/apps, such as `cli/main.js` */
  constructor(
    main: string,
    { args = [], env = {}, cwd = root }: { args?: string[]; env?: Record<string, string>; cwd?: string } = {},
  ) {
    const file = resolve(root, 'dist', 'apps', main);
    if (!existsSync(file)) throw new Error(`${file} is not there: npm run build makes it`);
    const { NODE_OPTIONS: _jest, ...own } = process.env;
    const flags = main.startsWith('cli/') ? cliFlags() : appFlags();
    this.child = spawn(process.execPath, [...flags, '--import', peakHook, file, ...args], {
      cwd,
      // Nothing balances here: what is told to end need not wait for it.
      env: { ...own, HOST: '127.0.0.1', NO_COLOR: '1', DRAIN_MS: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.ended = new Promise((settle) => {
      this.child.on('close', (code) => {
        const peak = /peak-rss (\d+)/.exec(this.output)?.[1];
        settle({ code, output: this.output, peakMB: Number(peak ?? Number.NaN) / 1024 });
      });
    });
  }

  /** What the program writes that matches. @throws Error when it ends, or a minute passes, without. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    let over = false;
    void this.ended.then(() => (over = true));
    for (const until = Date.now() + 60_000; ; await sleep(20)) {
      const found = pattern.exec(this.output);
      if (found) return found;
      if (over || Date.now() > until) throw new Error(`no ${pattern} in: ${this.output}`);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends the program in order, and says how it ended. */
  stop(): Promise<Ended> {
    this.signal('SIGTERM');
    return this.ended;
  }
}

/** Runs `yad …` to its end. @throws Error with what it wrote when it fails */
export async function yad(args: string[], env: Record<string, string> = {}, cwd?: string): Promise<Ended> {
  const ended = await new Program('cli/main.js', { args, env, cwd }).ended;
  if (ended.code !== 0) throw new Error(`yad ${args.join(' ')} ended with ${ended.code}: ${ended.output}`);
  return ended;
}

/** Folder with the files that the figures are known of: YAD_TEST_DATA, else shared/data beside the project. */
export const dataFolder = process.env['YAD_TEST_DATA'] ?? join(root, '..', 'shared', 'data');
