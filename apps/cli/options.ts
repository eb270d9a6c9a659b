import { Instant } from '#platform/kernel/calendar.js';
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

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The value of an option that is a time such as `30m`, `24h` or `90d`, in milliseconds. @throws Error that names the option */
export function durationGiven(name: string, text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * UNITS[unit!]!;
  throw new Error(`${name}: '${text}' is not a time such as 30m, 24h or 90d`);
}

/**
 * The value of an option that is a day (its beginning in UTC), an instant with an offset, or a time from now on.
 * @throws Error that names the option
 */
export function instantAhead(name: string, text: string, now = new Date()): Date {
  if (/^\d+[mhd]$/.test(text)) return new Date(now.getTime() + durationGiven(name, text));
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
  const parsed = Instant.safeParse(day);
  if (!parsed.success) throw new Error(`${name}: '${text}' is neither a day such as 2027-01-01 nor a time such as 90d`);
  const found = new Date(parsed.data);
  if (found.getTime() > now.getTime()) return found;
  throw new Error(`${name}: '${text}' does not lie ahead`);
}
