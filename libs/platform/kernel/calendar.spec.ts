import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Day, dayOf, Instant, instantOf, offsetOf, TimeZone } from './calendar.js';

describe('the calendar', () => {
  it('names the day of an instant in a zone', () => {
    expect(dayOf(new Date('2011-06-30T23:30:00Z'), 'Europe/London')).toBe('2011-07-01');
    expect(dayOf(new Date('2011-06-30T23:30:00Z'), 'UTC')).toBe('2011-06-30');
    expect(dayOf(new Date('2026-01-01T02:00:00Z'), 'America/New_York')).toBe('2025-12-31');
  });

  it('finds the instant of a wall clock, also where the clock is changed', () => {
    expect(instantOf('2011-12-09T12:50:00', 'Europe/London')).toEqual(new Date('2011-12-09T12:50:00Z'));
    expect(instantOf('2011-07-09T12:50:00', 'Europe/London')).toEqual(new Date('2011-07-09T11:50:00Z'));
    // In the gap forward by it; of the two, the first.
    expect(instantOf('2026-03-29T02:30:00', 'Europe/Paris')).toEqual(new Date('2026-03-29T01:30:00Z'));
    expect(instantOf('2026-10-25T02:30:00', 'Europe/Paris')).toEqual(new Date('2026-10-25T00:30:00Z'));
    expect(() => instantOf('2011-02-30T00:00:00', 'UTC')).toThrow(RangeError);
    expect(() => instantOf('yesterday', 'UTC')).toThrow(RangeError);
  });

  it('agrees with Intl at any instant, and its wall clock leads back', () => {
    const zones = ['Europe/Paris', 'Asia/Tehran', 'Australia/Lord_Howe', 'America/St_Johns', 'Asia/Kathmandu'];
    const instant = fc.date({ min: new Date('1980-01-01'), max: new Date('2037-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(instant, fc.constantFrom(...zones), (at, zone) => {
        const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(at);
        expect(dayOf(at, zone)).toBe(parts);
        const whole = new Date(Math.floor(at.getTime() / 1000) * 1000);
        const wall = new Date(whole.getTime() + offsetOf(zone, whole)).toISOString().slice(0, 19);
        // The second of two equal wall clocks leads to the first.
        const back = whole.getTime() - instantOf(wall, zone).getTime();
        expect([0, 1_800_000, 3_600_000]).toContain(back);
      }),
    );
  });

  it('takes days and instants of four-digit years only, and names the day of each in any zone', () => {
    for (const day of ['0000-01-01', '0050-06-01', '0999-12-31', '9999-01-01']) {
      expect(Day.safeParse(day).error?.issues[0]?.message).toBe('must lie in the years 1000 to 9998');
      expect(Instant.safeParse(`${day}T00:00:00Z`).error?.issues[0]?.message).toBe(
        'must lie in the years 1000 to 9998',
      );
    }
    const edges = ['1000-01-01T00:00:00+23:59', '9998-12-31T23:59:59.999-23:59'];
    for (const edge of edges) {
      expect(Instant.safeParse(edge).success).toBe(true);
      for (const zone of ['UTC', 'Asia/Tokyo', 'Europe/London', 'Pacific/Honolulu']) {
        expect(dayOf(new Date(edge), zone)).toMatch(/^(0999|1000|9998|9999)-\d\d-\d\d$/);
      }
    }
  });

  it('knows zones and instants from other words', () => {
    expect(TimeZone.safeParse('Europe/Atlantis').success).toBe(false);
    expect(Instant.safeParse('2011-12-09 12:50').success).toBe(false);
    expect(Instant.safeParse('2011-12-09T12:50:00+01:00').success).toBe(true);
  });
});
