import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { programs } from './replica.js';

/** The commands that a page of docs/guides shows under a heading, block by block. */
export function commandsUnder(page: string, heading: string): string[] {
  const text = readFileSync(join('docs/guides', page), 'utf8');
  const [, after] = text.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`${page} has no heading '${heading}'`);
  return [...after.split('\n## ')[0]!.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code]) => code!);
}

/** How many blocks of commands a page shows. */
export const blocksOf = (page: string): number =>
  [...readFileSync(join('docs/guides', page), 'utf8').matchAll(/^```sh$/gm)].length;

/** Runs commands as they stand on a page: `npx yad` is this tree's, the server's programs are those of the specs. */
export class GuideShell {
  readonly folder = mkdtempSync(join(tmpdir(), 'yad-guide-'));
  /** Pages whose commands were run, by block. */
  readonly run = new Set<string>();

  constructor(private readonly env: Record<string, string>) {
    // The server's programs read from it as another user.
    chmodSync(this.folder, 0o755);
    const npx = join(this.folder, 'npx');
    writeFileSync(npx, `#!/bin/sh\nshift\nexec ${process.execPath} ${resolve('dist/apps/cli/main.js')} "$@"\n`);
    chmodSync(npx, 0o755);
  }

  /**
   * Runs the blocks under a heading, or one of them, in a folder of this shell's own. Resolves to what they said.
   * @throws Error for a command that fails
   */
  async under(page: string, heading: string, env: Record<string, string> = {}, block?: number): Promise<string> {
    let said = '';
    for (const [at, code] of commandsUnder(page, heading).entries()) {
      if (block !== undefined && block !== at) continue;
      this.run.add(`${page} ${heading} ${at}`);
      const { NODE_OPTIONS: _, ...outer } = process.env;
      const { stdout, stderr } = await promisify(execFile)('sh', ['-ec', code], {
        cwd: this.folder,
        env: { ...outer, ...this.env, ...env, PATH: `${this.folder}:${programs}:${process.env['PATH']}` },
        maxBuffer: 1 << 24,
      });
      said += stdout + stderr;
    }
    return said;
  }
}
