import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { CursorKeys } from './cursor-keys/cursor-keys.js';
import { DerivedKeys, type DerivedKey } from './cursor-keys/derived-keys.js';
import { canonicalJson } from '#platform/kernel/canonical-json.js';
import { InvalidRequest } from './refusals.js';

export type Keyset = readonly (string | number)[];

/** Of what stands before the ciphertext: the form of the cursor (1 byte), the key (2), the nonce. */
const HEAD_BYTES = 3;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 1;
/** The place is filled up to a multiple of this, so that its length tells little of the names in it. */
const BLOCK = 32;

/** Two keys of one secret: one for the nonces, one for the places. */
type Key = DerivedKey<'seal' | 'nonce'>;

/**
 * Cursors for paged queries: where a page ended, which may be the name of somebody, so it is encrypted (AES-256-GCM).
 * The query's name and its other parameters are authenticated with it: a cursor serves the very walk that it was given
 * for, and no sender can make one up. The nonce is a MAC of all that, not random: the same answer asked again is the
 * same to the byte, and no count of cursors wears a key out.
 */
export class Cursors {
  private readonly keys: DerivedKeys<'seal' | 'nonce'>;

  constructor(source: CursorKeys) {
    this.keys = new DerivedKeys(source, 'yad cursor', ['seal', 'nonce']);
  }

  async seal(query: string, parameters: unknown, keyset: Keyset): Promise<string> {
    const key = await this.keys.newest();
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt8(VERSION, 0);
    head.writeUInt16BE(key.id, 1);
    const json = JSON.stringify(keyset);
    const place = Buffer.from(json + ' '.repeat(-Buffer.byteLength(json) & (BLOCK - 1)));
    const bound = boundTo(head, query, parameters);
    const nonce = createHmac('sha256', key.parts.nonce).update(bound).update(place).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key.parts.seal, nonce).setAAD(bound);
    return Buffer.concat([head, nonce, cipher.update(place), cipher.final(), cipher.getAuthTag()]).toString(
      'base64url',
    );
  }

  /** The keyset in a cursor. @throws InvalidRequest naming `cursor` when it is forged, damaged or of another walk. */
  async open(query: string, parameters: unknown, cursor: string): Promise<Keyset> {
    const bytes = Buffer.from(cursor, 'base64url');
    // The decoder passes over characters that it does not know: only the very text that was given is taken.
    const whole = bytes.length > HEAD_BYTES + NONCE_BYTES + TAG_BYTES && bytes.toString('base64url') === cursor;
    const key = whole && bytes[0] === VERSION ? await this.keys.byId(bytes.readUInt16BE(1)) : undefined;
    const place = key && decrypted(key, bytes, query, parameters);
    if (place === undefined) {
      const message = 'is not a cursor that this query gave for these parameters';
      throw new InvalidRequest('query', [{ pointer: '/cursor', message }]);
    }
    return JSON.parse(place) as Keyset;
  }
}

function decrypted(key: Key, bytes: Buffer, query: string, parameters: unknown): string | undefined {
  const start = HEAD_BYTES + NONCE_BYTES;
  const end = bytes.length - TAG_BYTES;
  const nonce = bytes.subarray(HEAD_BYTES, start);
  const decipher = createDecipheriv('aes-256-gcm', key.parts.seal, nonce, { authTagLength: TAG_BYTES })
    .setAAD(boundTo(bytes.subarray(0, HEAD_BYTES), query, parameters))
    .setAuthTag(bytes.subarray(end));
  const place = decipher.update(bytes.subarray(start, end), undefined, 'utf8');
  try {
    return place + decipher.final('utf8');
  } catch {
    return undefined;
  }
}

/** What a cursor is bound to, beside the key. */
const boundTo = (head: Buffer, query: string, parameters: unknown): Buffer =>
  Buffer.concat([head, Buffer.from(`${query}\n${canonicalJson(parameters)}\n`)]);
