import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { plainName } from './database-roles.js';
import type { PoolClient } from './pool.js';

/** As many as the server itself takes. */
const ITERATIONS = 4096;

/**
 * A password in the form that the server keeps (SCRAM-SHA-256, RFC 5802 and 7677): the password itself does not travel
 * in the statement, which servers log.
 * @throws Error for characters that two sides may prepare differently
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  if (!/^[\x21-\x7e]{8,128}$/.test(password)) {
    throw new Error('the password of a login has 8 to 128 characters of ASCII, without spaces');
  }
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const keyed = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  const server = keyed('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${server}`;
}

/**
 * Makes a name that somebody signs in with, member of a role; one that is there becomes a member, and gets the password
 * where one is given. It may make neither databases nor roles.
 * @returns what was done, in words; undefined where nothing was to do
 * @throws Error where it is to be made without a password, or is above all rights
 */
export async function makeLogin(
  client: PoolClient,
  name: string,
  role: string,
  password: string | undefined,
): Promise<string | undefined> {
  plainName('the name of a login', name);
  const { rows } = await client.query<{ super: boolean; member: boolean }>(
    `select rolsuper or rolbypassrls or rolcreaterole as super, pg_has_role(oid, $2, 'member') as member
       from pg_roles where rolname = $1`,
    [name, role],
  );
  const [found] = rows;
  if (found?.super) throw new Error(`${name} is above the rights of roles: apps need a login of their own`);
  const verifier = password === undefined ? undefined : scramVerifier(password);
  if (!found) {
    if (!verifier) throw new Error(`there is no login ${name}: give its password to have it made`);
    await client.query(`create role ${name} login nosuperuser nocreatedb nocreaterole password '${verifier}'`);
  } else if (verifier) {
    await client.query(`alter role ${name} login password '${verifier}'`);
  }
  if (!found?.member) await client.query(`grant ${role} to ${name}`);
  if (!found) return `login ${name} made, member of ${role}`;
  return found.member ? undefined : `login ${name} is a member of ${role} now`;
}
