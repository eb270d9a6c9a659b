import { describe, expect, it } from '@jest/globals';
import { closingsAt } from './schedule.js';

const told = (now: string, daily: number, monthly: number, zone: string): string[] =>
  closingsAt(new Date(now), { daily, monthly, zone }).map(({ name, before }) => `${name} ${before.toISOString()}`);

describe('the schedule of snapshots', () => {
  it('has the days and months that have ended, in its zone', () => {
    expect(told('2026-03-01T00:30:00Z', 2, 2, 'UTC')).toEqual([
      'closing-2026-01 2026-02-01T00:00:00.000Z',
      'day-2026-02-27 2026-02-28T00:00:00.000Z',
      'closing-2026-02 2026-03-01T00:00:00.000Z',
      'day-2026-02-28 2026-03-01T00:00:00.000Z',
    ]);
    // In New York it is still February, and its last day has not ended.
    expect(told('2026-03-01T00:30:00Z', 1, 1, 'America/New_York')).toEqual([
      'closing-2026-01 2026-02-01T05:00:00.000Z',
      'day-2026-02-27 2026-02-28T05:00:00.000Z',
    ]);
    expect(told('2026-01-01T12:00:00Z', 0, 13, 'UTC').map((each) => each.slice(8, 15))).toEqual([
      '2024-12',
      ...Array.from({ length: 12 }, (_, i) => `2025-${String(i + 1).padStart(2, '0')}`),
    ]);
  });

  it('ends days of 23 and 25 hours where they end, also where midnight is skipped or comes twice', () => {
    expect(told('2026-03-30T12:00:00Z', 2, 0, 'Europe/London')).toEqual([
      'day-2026-03-28 2026-03-29T00:00:00.000Z',
      'day-2026-03-29 2026-03-29T23:00:00.000Z',
    ]);
    expect(told('2026-10-26T12:00:00Z', 2, 0, 'Europe/London')).toEqual([
      'day-2026-10-24 2026-10-24T23:00:00.000Z',
      'day-2026-10-25 2026-10-26T00:00:00.000Z',
    ]);
    // In Santiago the clocks go forward at midnight: 6 September 2026 begins at one.
    expect(told('2026-09-06T12:00:00Z', 1, 0, 'America/Santiago')).toEqual(['day-2026-09-05 2026-09-06T04:00:00.000Z']);
  });

  it('is empty unless told otherwise', () => {
    expect(told('2026-03-01T00:30:00Z', 0, 0, 'UTC')).toEqual([]);
  });
});
