import { createHash, randomBytes } from 'node:crypto';
import { DEVELOPER } from './principal.js';

/**
 * `yad_<id>_<secret>`: 12 and 64 hexadecimal digits. The prefix is for people and for scanners of leaked secrets; the id
 * names the key in lists and logs, and tells nothing.
 */
export const API_KEY = /^yad_[0-9a-f]{12}_[0-9a-f]{64}$/;
export const API_KEY_PREFIX = 'yad_';
export const API_KEY_ID = /^[0-9a-f]{12}$/;

/** Characters of a whole key. */
const LENGTH = 4 + 12 + 1 + 64;

/** A new key, from 32 random bytes. */
export function newApiKey(): { id: string; key: string; hash: Buffer } {
  const id = randomBytes(6).toString('hex');
  const key = `${API_KEY_PREFIX}${id}_${randomBytes(32).toString('hex')}`;
  return { id, key, hash: hashOfKey(key) };
}

/**
 * What is kept of a key. A fast hash is right here, unlike for passwords: 256 random bits cannot be tried out. It covers
 * the id, so that no hash can be put under another one.
 */
export const hashOfKey = (key: string): Buffer => createHash('sha256').update(key).digest();

/** The id in a key; undefined for what has not the form of one. Only the length is looked at: the hash tells the rest. */
export const idInKey = (key: string): string | undefined =>
  key.length === LENGTH && key.startsWith(API_KEY_PREFIX) ? key.slice(4, 16) : undefined;

/** What a key may be called: its name is the actor of the events that its holder causes, for good. */
export const KEY_NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** What is wrong with the name of a key, or undefined. */
export function keyNameIssue(name: string): string | undefined {
  if (name === DEVELOPER) return `'${DEVELOPER}' is who asks where nobody signs in; give the key another name`;
  if (KEY_NAME.test(name)) return undefined;
  return `'${name}' is not a name of 1 to 63 small letters, digits, dots, dashes and underscores that begins with a letter or digit`;
}
