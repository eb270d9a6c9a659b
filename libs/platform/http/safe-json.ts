import { InvalidInput } from '#platform/kernel/errors.js';
import { alteredIn } from './altered-json.js';
import { HttpProblem } from './problem.js';

/**
 * Parses a body; an empty one is undefined. `__proto__` becomes an ordinary key here, which `findUnsafeInput` then names.
 * What JSON.parse would take and alter is refused: of two keys of one name it keeps the last, and of a number what a
 * double holds.
 * @throws HttpProblem malformed-request, InvalidInput naming the key or number
 */
export function parseJson(text: string): unknown {
  if (text.length === 0) return undefined;
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new HttpProblem('malformed-request', `the body is not JSON: ${(error as Error).message}`);
  }
  const altered = alteredIn(json, value);
  if (altered) throw new InvalidInput([altered]);
  return value;
}
