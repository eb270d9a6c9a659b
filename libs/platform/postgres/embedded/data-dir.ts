import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { reachable, type ServerUser } from './binaries.js';

/** Where the data of a folder is kept: there, or aside where the server's user cannot come to it. */
export function resolveDataDir(folder: string, user: ServerUser | undefined): string {
  if (reachable(folder, user)) return folder;
  return join('/var/tmp', `yad-data-${createHash('sha256').update(folder).digest('hex').slice(0, 12)}`);
}
