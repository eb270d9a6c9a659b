const EPOCH_2000_MS = 946_684_800_000;
/** PostgreSQL's first day, 24 November of the year 4714 BC. */
const EARLIEST_MS = Date.UTC(-4713, 10, 24);

/** True for a date that a `timestamptz` can hold; its last year is beyond what a Date reaches. */
export const fitsTimestamp = (date: Date): boolean => date.getTime() >= EARLIEST_MS;

// 1000 milliseconds are 125 × 8 microseconds, so that 2^29 of them are 125 × 2^32 exactly.
const HALF = 2 ** 29;
const WORD = 2 ** 32;

/**
 * Writes a date as the binary `timestamptz`: microseconds since 2000 in 64 bits. From the year 2255 on (and before
 * 1714) these are more than a double holds exactly, so both halves are reckoned apart.
 * @throws RangeError for a date that has no such form
 */
export function writeInstant(out: Buffer, date: Date, at: number): void {
  if (!fitsTimestamp(date)) throw new RangeError('the date is invalid, or before the first that PostgreSQL knows');
  const ms = date.getTime() - EPOCH_2000_MS;
  const halves = Math.floor(ms / HALF);
  const rest = (ms - halves * HALF) * 1000;
  const carried = Math.floor(rest / WORD);
  out.writeInt32BE(halves * 125 + carried, at);
  out.writeUInt32BE(rest - carried * WORD, at + 4);
}

const SPACE = 32;
const PLUS = 43;
const TEXT =
  /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,3})\d*)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;
/** The calendar's years come round after so many, as do its days. */
const CYCLE_YEARS = 400;
const CYCLE_MS = 146_097 * 86_400_000;

/**
 * The date of PostgreSQL's text for a `timestamptz` (date style ISO), whatever the session's zone.
 * @throws RangeError for what is no date: `infinity`, another date style
 */
export function instantOfText(text: string): Date {
  // `2011-12-09 12:50:00.123+00`: nearly all.
  if (text.charCodeAt(10) === SPACE && text.charCodeAt(text.length - 3) === PLUS && text.endsWith('00')) {
    const date = new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`);
    if (!Number.isNaN(date.getTime())) return date;
  }
  const match = TEXT.exec(text);
  if (!match) throw new RangeError(`'${text}' is not an instant`);
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, ...number[]];
  const [, , , , , , , part = '', sign, hours, minutes = '0', seconds = '0', bc] = match;
  const east = sign === '-' ? -1 : 1;
  // The year before 1 is 1 BC there and 0 here; years of two digits would be taken for those of the last century.
  const ours = bc ? 1 - year : year;
  const cycles = ours >= 0 && ours < 100 ? 1 : 0;
  const ms = Date.UTC(
    ours + cycles * CYCLE_YEARS,
    month! - 1,
    day,
    hour! - east * Number(hours),
    minute! - east * Number(minutes),
    second! - east * Number(seconds),
    Number(part.padEnd(3, '0')),
  );
  const date = new Date(ms - cycles * CYCLE_MS);
  if (Number.isNaN(date.getTime())) throw new RangeError(`'${text}' is not an instant`);
  return date;
}
