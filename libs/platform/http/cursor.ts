import { createHmac, timingSafeEqual } from 'node:crypto';
import { InvalidRequest } from './problem.js';
import { canonicalJson } from './safe-json.js';

export type Keyset = readonly (string | number)[];

const MAC_BYTES = 16;

/**
 * Cursors for paged queries: where a page ended, signed together with the query's name and its other parameters, so
 * that a cursor serves the very walk that it was given for and no sender can make one up.
 */
export class Cursors {
  constructor(private readonly secret: string | Buffer) {}

  sign(query: string, parameters: unknown, keyset: Keyset): string {
    const place = Buffer.from(JSON.stringify(keyset));
    return Buffer.concat([this.mac(query, parameters, place), place]).toString('base64url');
  }

  /** The keyset in a cursor. @throws InvalidRequest naming `cursor` when it is forged, damaged or of another walk. */
  verify(query: string, parameters: unknown, cursor: string): Keyset {
    const bytes = Buffer.from(cursor, 'base64url');
    const place = bytes.subarray(MAC_BYTES);
    // The decoder passes over characters that it does not know: only the very text that was given is taken.
    const whole = bytes.length > MAC_BYTES && bytes.toString('base64url') === cursor;
    if (!whole || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.mac(query, parameters, place))) {
      const message = 'is not a cursor that this query gave for these parameters';
      throw new InvalidRequest('query', [{ pointer: '/cursor', message }]);
    }
    return JSON.parse(place.toString()) as Keyset;
  }

  private mac(query: string, parameters: unknown, place: Buffer): Buffer {
    return createHmac('sha256', this.secret)
      .update(`${query}\n${canonicalJson(parameters)}\n`)
      .update(place)
      .digest()
      .subarray(0, MAC_BYTES);
  }
}
