import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { envelopeTextIssue } from '#platform/command-handling/command-message.js';
import { InvalidRequest } from './refusals.js';

const NOT_ASCII = /[\x80-\xff]/;

/**
 * The text in a header, of 1 to `max` characters.
 * @param shown how the header is written where it is named
 * @throws InvalidRequest naming the header
 */
export function headerText(headers: IncomingHttpHeaders, name: string, shown: string, max: number): string | undefined {
  const given = headers[name] as string | undefined;
  if (given === undefined) return undefined;
  let value = given;
  if (NOT_ASCII.test(given)) {
    // Node gives header bytes one a character; senders write UTF-8. Other bytes would become U+FFFD, and be stored.
    const bytes = Buffer.from(given, 'latin1');
    if (!isUtf8(bytes)) throw new InvalidRequest('header', [{ pointer: `/${shown}`, message: 'is not in UTF-8' }]);
    value = bytes.toString('utf8');
  }
  const message = envelopeTextIssue(value, max);
  if (message !== undefined) throw new InvalidRequest('header', [{ pointer: `/${shown}`, message }]);
  return value;
}
