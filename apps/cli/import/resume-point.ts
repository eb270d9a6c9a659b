import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

interface Saved {
  /** Everything before this line was answered. */
  line: number;
  /** A command that was answered then, by which the server shows that it is the one that has it. */
  witness: Record<string, unknown>;
}

/** Where a stopped import goes on. One small file for each pair of file and mapping, gone when the import is through. */
export class ResumePoint {
  private readonly path: string;

  constructor(folder: string, file: string, mappingText: string, url: string) {
    const { size, mtimeMs } = statSync(file);
    const identity = JSON.stringify([resolve(file), size, mtimeMs, mappingText, url]);
    this.path = join(folder, `${createHash('sha256').update(identity).digest('hex').slice(0, 16)}.json`);
  }

  async load(): Promise<Saved | undefined> {
    try {
      return JSON.parse(await readFile(this.path, 'utf8')) as Saved;
    } catch {
      return undefined;
    }
  }

  async save(saved: Saved): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true });
    // Aside and renamed: a kill in the middle of the write leaves the point before it.
    await writeFile(`${this.path}.new`, JSON.stringify(saved));
    await rename(`${this.path}.new`, this.path);
  }

  async clear(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
