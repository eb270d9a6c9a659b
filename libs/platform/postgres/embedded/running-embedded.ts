import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serverUser } from './binaries.js';
import { ownerOf } from './ownership.js';
import { resolveDataDir } from './data-dir.js';

/** Connection string of the embedded server that runs on a folder, for a second process of the same user; undefined when none does. */
export function runningEmbedded(folder: string): string | undefined {
  const dataDir = resolveDataDir(resolve(folder), serverUser());
  const pidFile = join(dataDir, 'cluster', 'postmaster.pid');
  if (!ownerOf(dataDir) || !existsSync(pidFile)) return undefined;
  const port = readFileSync(pidFile, 'utf8').split('\n')[3];
  const password = readFileSync(join(dataDir, 'cluster', 'yad-password'), 'utf8');
  return `postgres://yad:${password}@127.0.0.1:${port}/yad`;
}
