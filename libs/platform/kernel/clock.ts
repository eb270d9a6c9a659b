/** Where the time comes from; injected, so that tests and replays move it. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  constructor(private instant: Date = new Date('2026-01-15T12:00:00Z')) {}
  now(): Date {
    return new Date(this.instant);
  }
  /** Moves the clock to an instant (ISO 8601 with offset). */
  set(instant: string | Date): void {
    this.instant = new Date(instant);
  }
}
