import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = process.cwd();

/** Compiles the double into dist, where Node can run it. */
function buildDouble(): void {
  const swc = join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
  const args = ['test/support/kurrentdb', '--out-dir', 'dist', '--config-file', '.swcrc', '--quiet'];
  execFileSync(process.execPath, [swc, ...args, '--ignore', '**/*.spec.ts'], { cwd: root });
}

export interface DoubleProcess {
  readonly url: string;
  /** Ends it at once; what it held is gone. */
  stop(): Promise<void>;
}

/** Starts a double as a process of its own, so that it takes no time from the one that asks it. */
export async function startDoubleProcess(): Promise<DoubleProcess> {
  buildDouble();
  const file = join(root, 'dist', 'test', 'support', 'kurrentdb', 'serve.js');
  const { NODE_OPTIONS: _jest, ...env } = process.env;
  const child = spawn(process.execPath, [file], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const found = /double on (\S+)/.exec(said)?.[1];
        if (found) resolve(found);
      });
    }
    child.once('exit', () => reject(new Error(`the double ended: ${said}`)));
  });
  return {
    url,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
