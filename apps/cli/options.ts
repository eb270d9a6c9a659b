import { Position } from '#platform/kernel/position.js';

/** The value of an option that is a whole number. @throws Error that names the option */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${name}: '${text}' is not a whole number from ${least} to ${most}`);
}

/** The value of an option that is a position in the log. @throws Error that names the option */
export function positionGiven(name: string, text: string): bigint {
  const parsed = Position.safeParse(text);
  if (parsed.success && BigInt(text) > 0n) return BigInt(text);
  throw new Error(`${name}: '${text}' is not a position, a whole number from 1`);
}
