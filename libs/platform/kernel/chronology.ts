import { RuleViolation, rule } from './errors.js';

/**
 * Where an event may stand in time among those of its stream. The names are nouns of what is dated: `last step`,
 * `placing`, `tag vip`; a refusal speaks them.
 */
export interface Dating {
  /** The event may not be dated before the last one that marks any of these. Nor, ever, before the stream's first. */
  readonly follows: readonly string[];
  /** What follows any of these may not be dated before this event. */
  readonly marks: readonly string[];
}

const STEP = ['last step'];

/**
 * How an event is dated unless its aggregate says otherwise: it moves its document on, so it is not before the last
 * event that did. `also` are further things that it follows and marks.
 */
export const step = (also: Partial<Dating> = {}): Dating => ({
  follows: [...STEP, ...(also.follows ?? [])],
  marks: [...STEP, ...(also.marks ?? [])],
});

/** An event that may be told late: it is between steps that were recorded before it, after those that it depends on. */
export const late = (...follows: string[]): Dating => ({ follows, marks: [] });

/** An event about a part of its document, in order with the others about the same part only. */
export const about = (...parts: string[]): Dating => ({ follows: parts, marks: parts });

export const STEP_DATING = step();
const BEGUN = late();

/**
 * The dates of a stream, as much of them as the law needs: no event is dated before the step that it changes. The
 * usual event is the latest of its stream, and costs one comparison.
 */
export class Chronology {
  /** Of the first event, in milliseconds; undefined without one. */
  private first: number | undefined;
  private lastStep = -Infinity;
  /** The greatest of all: what is not before it, is before nothing. */
  latest = -Infinity;
  /** What else is marked, where the first event's date does not say it already. */
  private marks: Map<string, number> | undefined;

  /** Refuses by `date-in-order` an event that is dated before what it follows. @param of the document, for the message */
  check({ follows }: Dating, at: number, of: string): void {
    if (at >= this.latest) return;
    const first = this.first!;
    if (at < first) refuse(at, first, 'beginning', of);
    for (const name of follows) {
      const date = name === STEP[0] ? this.lastStep : this.marks?.get(name);
      if (date !== undefined && at < date) refuse(at, date, name, of);
    }
  }

  /** Takes note of an event. */
  note({ marks }: Dating, at: number): void {
    this.first ??= at;
    if (at > this.latest) this.latest = at;
    for (const name of marks) {
      if (name === STEP[0]) this.lastStep = Math.max(this.lastStep, at);
      // Nothing may precede the first event anyway: most streams need no map.
      else if (at > this.first && at > (this.marks?.get(name) ?? -Infinity)) (this.marks ??= new Map()).set(name, at);
    }
  }
}

function refuse(at: number, date: number, name: string, of: string): never {
  throw new RuleViolation('date-in-order', `${iso(at)} is before the ${name} of ${of}, dated ${iso(date)}`);
}

/** Refuses by `date-in-order` what looks at a document that was not there yet. */
export function assertBegun(dates: Chronology, at: number, of: string): void {
  dates.check(BEGUN, at, of);
}

/** Refuses by `date-not-ahead` a date that is ahead of the clock by more than the tolerance (milliseconds). */
export function assertNotAhead(at: number, now: number, tolerance: number): void {
  if (at - now <= tolerance) return;
  const message = `${iso(at)} is ahead of the clock, which says ${iso(now)}; up to ${tolerance / 1000} s are tolerated`;
  rule('date-not-ahead', false, message);
}

const iso = (at: number): string => new Date(at).toISOString();
