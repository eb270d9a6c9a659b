import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serverUser } from './binaries.js';
import { addressOf, type EmbeddedLogin } from './logins.js';
import { ownerOf } from './ownership.js';
import { resolveDataDir } from './data-dir.js';

/** Connection string of the embedded server that runs on a folder, for a second process of the same user; undefined when none does. */
export function runningEmbedded(folder: string, login: EmbeddedLogin): string | undefined {
  const dataDir = resolveDataDir(resolve(folder), serverUser());
  const cluster = join(dataDir, 'cluster');
  const pidFile = join(cluster, 'postmaster.pid');
  if (!ownerOf(dataDir) || !existsSync(pidFile)) return undefined;
  const port = readFileSync(pidFile, 'utf8').split('\n')[3]!;
  return `${addressOf(cluster, login, port)}/yad`;
}
