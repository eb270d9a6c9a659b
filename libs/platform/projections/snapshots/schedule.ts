import { dayOf, instantOf } from '#platform/kernel/calendar.js';

/** Which snapshots are kept without anybody asking: none unless told otherwise. */
export interface SnapshotSchedule {
  /** Of how many days back. */
  readonly daily: number;
  /** Of how many months back. */
  readonly monthly: number;
  /** In which days end. */
  readonly zone: string;
}

export const noSchedule: SnapshotSchedule = { daily: 0, monthly: 0, zone: 'UTC' };

/** A snapshot that there is to be: all that was recorded before the instant. */
export interface Closing {
  /** `day-2026-11-27`, `closing-2026-10` */
  readonly name: string;
  readonly before: Date;
}

/** What the names of a kind begin with. */
export const DAY = 'day-';
export const MONTH = 'closing-';

/** The closings that there are to be at an instant, the earliest first: of days and months that have ended. */
export function closingsAt(now: Date, { daily, monthly, zone }: SnapshotSchedule): Closing[] {
  const today = dayOf(now, zone);
  const closings: Closing[] = [];
  for (let back = 1; back <= daily; back++) {
    closings.push({ name: `${DAY}${shifted(today, -back)}`, before: midnight(shifted(today, 1 - back), zone) });
  }
  for (let back = 1; back <= monthly; back++) {
    const [month, next] = [monthBefore(today, back), monthBefore(today, back - 1)];
    closings.push({ name: `${MONTH}${month}`, before: midnight(`${next}-01`, zone) });
  }
  return closings.toSorted((a, b) => a.before.getTime() - b.before.getTime() || (a.name < b.name ? -1 : 1));
}

/** Where a day begins in a zone: not at midnight where a change of the clocks skips that. */
const midnight = (day: string, zone: string): Date => instantOf(`${day}T00:00:00`, zone);

const shifted = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);

/** `YYYY-MM`, so many months before that of a day. */
function monthBefore(day: string, back: number): string {
  const month = Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1 - back;
  return `${String(Math.floor(month / 12)).padStart(4, '0')}-${String((month % 12) + 1).padStart(2, '0')}`;
}
