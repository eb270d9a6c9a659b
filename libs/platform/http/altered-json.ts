import type { InputIssue } from '#platform/kernel/errors.js';
import { pointer } from '#platform/kernel/json-pointer.js';

const [QUOTE, COLON, MINUS, ZERO, NINE, BACKSLASH] = [0x22, 0x3a, 0x2d, 0x30, 0x39, 0x5c];
/** Characters of a number that a double holds whatever they are, unless there is an exponent among them. */
const EXACT = 15;
/** Steps of a path that an answer names at most. */
const MAX_STEPS = 33;

/**
 * What JSON.parse altered in silence when it made the value of a sound JSON text: a key that an object has twice, of
 * which it keeps the last, or a number that a double does not hold. One pass over the text and one over the value,
 * which only count; where something is wrong it is then searched for.
 */
export function alteredIn(json: string, value: unknown): InputIssue | undefined {
  const { members, exact } = scan(json);
  return exact && members === membersOf(value) ? undefined : locate(json);
}

/** How many members the objects of a text have together, and whether doubles hold all of its numbers. */
function scan(json: string): { members: number; exact: boolean } {
  let members = 0;
  let exact = true;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) i = endOfString(json, i);
    else if (code === COLON) members++;
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = endOfNumber(json, i);
      if (exact && !isExact(json, i, end)) exact = false;
      i = end - 1;
    }
  }
  return { members, exact };
}

/** Without recursion: a hostile body may be a megabyte deep. */
function membersOf(root: unknown): number {
  let members = 0;
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (Array.isArray(value)) {
      for (const inner of value) if (typeof inner === 'object' && inner !== null) open.push(inner);
    } else if (typeof value === 'object' && value !== null) {
      for (const key in value) {
        members++;
        const inner = (value as Record<string, unknown>)[key];
        if (typeof inner === 'object' && inner !== null) open.push(inner);
      }
    }
  }
  return members;
}

interface Level {
  /** Of an object: the keys that it had so far. */
  keys?: Set<string>;
  step: string | number;
}

/** The first key that is given twice, or number that is not held, with its place. */
function locate(json: string): InputIssue | undefined {
  const levels: Level[] = [];
  const here = (): string => pointer(levels.slice(0, MAX_STEPS).map(({ step }) => step));
  let keyNext = false;
  for (let i = 0; i < json.length; i++) {
    const top = levels.at(-1);
    const code = json.charCodeAt(i);
    switch (json[i]) {
      case '{':
      case '[':
        keyNext = json[i] === '{';
        levels.push(keyNext ? { keys: new Set(), step: '' } : { step: 0 });
        break;
      case '}':
      case ']':
        levels.pop();
        keyNext = false;
        break;
      case ',':
        keyNext = top!.keys !== undefined;
        if (!keyNext) (top!.step as number)++;
        break;
      case '"': {
        const end = endOfString(json, i);
        if (keyNext) {
          const key = JSON.parse(json.slice(i, end + 1)) as string;
          top!.step = key;
          if (top!.keys!.has(key)) return { pointer: here(), message: 'is given twice' };
          top!.keys!.add(key);
          keyNext = false;
        }
        i = end;
        break;
      }
      default:
        if (code === MINUS || (code >= ZERO && code <= NINE)) {
          const end = endOfNumber(json, i);
          if (!isExact(json, i, end)) {
            return { pointer: here(), message: 'is a number with more digits, or a larger exponent, than can be kept' };
          }
          i = end - 1;
        }
    }
  }
  return undefined;
}

/** Where the string that begins at a place has its closing quote. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let escapes = 0;
    while (json.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
}

function endOfNumber(json: string, start: number): number {
  let end = start + 1;
  for (; end < json.length; end++) {
    const code = json.charCodeAt(end);
    // Digits, and: + - . E e
    const inside = (code >= ZERO && code <= NINE) || code === 0x2b || code === MINUS || code === 0x2e;
    if (!inside && code !== 0x45 && code !== 0x65) break;
  }
  return end;
}

function isExact(json: string, start: number, end: number): boolean {
  const text = json.slice(start, end);
  if (text.length <= EXACT && !/e/i.test(text)) return true;
  const value = Number(text);
  return Number.isFinite(value) && decimalOf(text) === decimalOf(String(value));
}

/** A number as its digits without zeros at either end, and the power of ten that they are of. */
function decimalOf(text: string): string {
  const [, sign, whole, fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text)!;
  const digits = whole + fraction;
  // By loops: an expression for zeros at the end takes the square of a long row of them.
  let first = 0;
  while (digits[first] === '0') first++;
  let last = digits.length;
  while (last > first && digits[last - 1] === '0') last--;
  if (first === last) return '0';
  return `${sign}${digits.slice(first, last)}e${Number(power) - fraction.length + digits.length - last}`;
}
