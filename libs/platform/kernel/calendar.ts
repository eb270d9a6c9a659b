import { z } from 'zod';

/** An IANA time zone that this runtime knows, e.g. `Europe/London`. */
export const TimeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, { error: 'is not a known IANA time zone' })
  .meta({ id: 'TimeZone', examples: ['Europe/London'] });

// With a year to spare on each side, so that no zone or offset leads to a day that a four-digit year cannot name.
const EARLIEST = '1000';
const LATEST = '9998';
const years = { error: `must lie in the years ${EARLIEST} to ${LATEST}` };
const inYears = (text: string): boolean => text >= EARLIEST && text.slice(0, 4) <= LATEST;
const description = `In the years ${EARLIEST} to ${LATEST}`;

/** A calendar day, `YYYY-MM-DD`. */
export const Day = z.iso
  .date()
  .refine(inYears, years)
  .meta({ id: 'Day', description, examples: ['2011-12-10'] });

/**
 * The schemas of days that must have come: a birth, the day that facts are of. Whether they have is asked when a
 * command is decided, as it hangs on the clock.
 */
export const pastDays = z.registry<{ past: true }>();

/** A calendar day that has come. */
export const PastDay = Day.meta({
  id: 'PastDay',
  description: `${description}, and not after the day on which it is told`,
  examples: ['2011-12-10'],
}).register(pastDays, { past: true });

/** An instant: ISO 8601 with an offset or Z. */
export const Instant = z.iso
  .datetime({ offset: true })
  .refine(inYears, years)
  .meta({ id: 'Instant', description, examples: ['2011-12-09T12:50:00Z'] });

const formats = new Map<string, Intl.DateTimeFormat>();
/** By zone, by quarter of an hour. */
const offsets = new Map<string, Map<number, number>>();
const QUARTER = 900_000;
const DAY = 86_400_000;
const MOST = 100_000;
/** By days since 1970. */
const dayTexts = new Map<number, string>();

function isTimeZone(zone: string): boolean {
  try {
    return format(zone) !== undefined;
  } catch {
    return false;
  }
}

function format(zone: string): Intl.DateTimeFormat {
  let found = formats.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, found);
  }
  return found;
}

/** Offset of a zone from UTC at an instant, in milliseconds (east positive). */
export function offsetOf(zone: string, instant: Date): number {
  if (zone === 'UTC') return 0;
  let ofZone = offsets.get(zone);
  if (!ofZone) offsets.set(zone, (ofZone = new Map()));
  // Offsets change at whole quarters of an hour in all zones since 1972; Intl is too slow to ask each time.
  const quarter = Math.floor(instant.getTime() / QUARTER);
  let offset = ofZone.get(quarter);
  if (offset === undefined) {
    const at = new Date(quarter * QUARTER);
    const part: Record<string, number> = {};
    for (const { type, value } of format(zone).formatToParts(at)) part[type] = Number(value);
    offset =
      Date.UTC(part['year']!, part['month']! - 1, part['day']!, part['hour']!, part['minute']!, part['second']!) -
      at.getTime();
    if (ofZone.size > MOST) ofZone.clear();
    ofZone.set(quarter, offset);
  }
  return offset;
}

/** The calendar day (`YYYY-MM-DD`) of an instant in a named zone. */
export function dayOf(instant: Date, zone: string): string {
  const day = Math.floor((instant.getTime() + offsetOf(zone, instant)) / DAY);
  let text = dayTexts.get(day);
  if (text === undefined) {
    text = new Date(day * DAY).toISOString().slice(0, 10);
    if (dayTexts.size > MOST) dayTexts.clear();
    dayTexts.set(day, text);
  }
  return text;
}

/**
 * The instant of a wall-clock time (`YYYY-MM-DDTHH:MM:SS`, no offset) in a named zone. In a gap the time
 * moves forward by the gap; when it stands twice, the first is meant (as Temporal's `compatible`).
 */
export function instantOf(wallClock: string, zone: string): Date {
  const asUtc = Date.parse(`${wallClock}Z`);
  // Date rolls 30 February over to March; here it is an error.
  if (Number.isNaN(asUtc) || new Date(asUtc).toISOString().slice(0, 10) !== wallClock.slice(0, 10)) {
    throw new RangeError(`'${wallClock}' is not a date and time`);
  }
  const DAY = 86_400_000;
  const before = offsetOf(zone, new Date(asUtc - DAY));
  const after = offsetOf(zone, new Date(asUtc + DAY));
  const early = asUtc - before;
  if (offsetOf(zone, new Date(early)) === before) return new Date(early);
  const late = asUtc - after;
  if (offsetOf(zone, new Date(late)) === after) return new Date(late);
  return new Date(early);
}

/** The wall-clock time of an instant in a named zone, to the second: `YYYY-MM-DDTHH:MM:SS`. */
export const wallClockOf = (instant: Date, zone: string): string =>
  new Date(instant.getTime() + offsetOf(zone, instant)).toISOString().slice(0, 19);

/**
 * The instant so many days later at the same time of day in a named zone. Where a change of the clocks skips that time,
 * it moves on by as much; where the time stands twice, the first is meant.
 */
export function daysAfter(instant: Date, days: number, zone: string): Date {
  const later = new Date(Date.parse(`${wallClockOf(instant, zone)}Z`) + days * DAY).toISOString().slice(0, 19);
  return instantOf(later, zone);
}
