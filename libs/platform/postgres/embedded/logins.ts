import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerUser } from './binaries.js';

/** Who signs in to the embedded server: the owner of everything, and the apps, which may do what their role may. */
const LOGINS = {
  owner: { name: 'yad', file: 'yad-password' },
  apps: { name: 'yad_apps', file: 'yad-apps-password' },
} as const;
export type EmbeddedLogin = keyof typeof LOGINS;

export const newPassword = (): string => randomBytes(18).toString('base64url');

/** Keeps a password beside the data, where nobody but this user reads it; one that is there already stays. */
export function keepPassword(
  cluster: string,
  login: EmbeddedLogin,
  user: ServerUser | undefined,
  password = newPassword(),
): void {
  const file = join(cluster, LOGINS[login].file);
  if (existsSync(file)) return;
  writeFileSync(file, password, { mode: 0o600 });
  chmodSync(file, 0o600);
  if (user) chownSync(file, user.uid, user.gid);
}

export function loginOf(cluster: string, login: EmbeddedLogin): { name: string; password: string } {
  const { name, file } = LOGINS[login];
  return { name, password: readFileSync(join(cluster, file), 'utf8') };
}

/** The server's address for a login, without a database. */
export function addressOf(cluster: string, login: EmbeddedLogin, port: number | string): string {
  const { name, password } = loginOf(cluster, login);
  return `postgres://${name}:${password}@127.0.0.1:${port}`;
}
