/** Where the server's clock had stepped back: from a position on, up to but without another, a later time counts. */
export interface HeldSpan {
  readonly from: bigint;
  /** Absent while the clock has not caught up. */
  readonly until?: bigint;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** How far times are known, and what was the latest. */
export interface TimesKnown {
  readonly through: bigint;
  /** Milliseconds since 1970; 0 before the first event. */
  readonly latest: number;
  readonly spans: readonly HeldSpan[];
}

/**
 * At which time each event counts as recorded: the server's own time of it, or that of an earlier event where that is
 * later, so that times never decrease with positions. A leader's clock may step back, and that of the next leader may
 * be behind. To the second: what comes by the driver's native reads has lost the rest, what comes by a subscription has
 * not, and an event has one time whichever way it is read. What is held in memory is where that was so; elsewhere an event's own time is the answer.
 */
export class RecordingTimes {
  private spans: HeldSpan[] = [];
  private latest = 0;
  through = 0n;

  /** The time at which the last known event counts as recorded. */
  get last(): Date {
    return new Date(this.latest);
  }

  /** Spans that end after a position, or are open. */
  spansAfter(position: bigint): readonly HeldSpan[] {
    return this.spans.filter(({ until }) => until === undefined || until > position);
  }

  /** The next event after `through`; one that is known already is left alone. */
  note(position: bigint, created: Date): void {
    if (position <= this.through) return;
    const time = toSecond(created);
    const last = this.spans.at(-1);
    const isHeld = last !== undefined && last.until === undefined;
    if (time < this.latest) {
      if (!isHeld) this.spans.push({ from: position, time: this.latest });
    } else {
      if (isHeld) this.spans[this.spans.length - 1] = { ...last, until: position };
      this.latest = time;
    }
    this.through = position;
  }

  /** The time of an event at or below `through`. */
  of(position: bigint, created: Date): Date {
    const span = this.spanBefore(position);
    const time = toSecond(created);
    if (!span || (span.until !== undefined && span.until <= position)) return new Date(time);
    return new Date(Math.max(time, span.time));
  }

  /** Takes over what somebody else knows, where it is more. `spans`: all that end after what was known here. */
  learn({ through, latest, spans }: TimesKnown): void {
    if (through <= this.through) return;
    const closed = this.spans.filter(({ until }) => until !== undefined && until <= this.through);
    this.spans = [...closed, ...spans.filter(({ from }) => !closed.some((each) => each.from === from))];
    this.latest = latest;
    this.through = through;
  }

  /** Forgets all: the log is not what it was. */
  clear(): void {
    this.spans = [];
    this.latest = 0;
    this.through = 0n;
  }

  private spanBefore(position: bigint): HeldSpan | undefined {
    let [low, high] = [0, this.spans.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.spans[middle]!.from <= position) low = middle + 1;
      else high = middle;
    }
    return this.spans[low - 1];
  }
}

const toSecond = (created: Date): number => Math.floor(created.getTime() / 1000) * 1000;
