import {
  isOfTypes,
  type EventPage,
  type EventStore,
  type EventTypes,
  type ReadAllOptions,
} from '#platform/event-store/event-store.js';
import type { LogIdentity } from '#platform/event-store/log-identity.js';
import { Overloaded } from '#platform/kernel/errors.js';
import { AtOnce } from './at-once.js';
import { FeedEvent } from './feed-event.js';
import { FeedTail, type FeedTailOptions } from './feed-tail.js';
import { assertHeld, isAheadOf, type Place } from './place.js';

/** What a consumer asks for: what comes after its place, all of it or a part. */
export interface FeedQuestion {
  readonly place: Place;
  /** Absent: all types. They need not be known to this build. */
  readonly types?: EventTypes;
  /** Absent: all subjects. */
  readonly subject?: string;
  /** Events in one page at most. */
  readonly limit: number;
  /** Bytes of their data, about. */
  readonly bytes: number;
}

/** A stretch of the log: all events of the question after `after`, up to and including `through`, are in it. */
export interface FeedPage {
  readonly identity: LogIdentity;
  readonly after: bigint;
  readonly through: bigint;
  /** The last position of the log; where it is above `through`, there is more to look at. */
  readonly head: bigint;
  readonly events: readonly FeedEvent[];
}

export interface EventFeedOptions extends FeedTailOptions {
  /** Requests that may wait at the end of the log at once. */
  readonly mostWaiting?: number;
  /** Connections that may follow the log at once. */
  readonly mostFollowing?: number;
  /** Events that one page with a filter looks at, at most. */
  readonly look?: number;
  /** Pages that are read from the log at once: commands read it, too. */
  readonly reading?: number;
}

/**
 * The log by position, for consumers that the topic cannot serve: those that begin, that miss something, that were away
 * longer than the topic keeps. What a request costs is bounded, whatever it asks; it says how far it has looked.
 */
export class EventFeed {
  private readonly tail: FeedTail;
  private readonly readings: AtOnce;
  private readonly options: Required<Pick<EventFeedOptions, 'mostWaiting' | 'mostFollowing' | 'look'>>;
  private closed = false;
  private waiting = 0;
  private following = 0;
  private refreshedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: EventStore,
    { mostWaiting = 2_000, mostFollowing = 200, look = 10_000, reading = 2, ...tail }: EventFeedOptions = {},
  ) {
    this.options = { mostWaiting, mostFollowing, look };
    this.readings = new AtOnce(reading, mostWaiting);
    this.tail = new FeedTail(store, tail);
  }

  /** Who follows the log, and who waits for what comes next, now. */
  get status(): { readonly following: number; readonly waiting: number } {
    return { following: this.following, waiting: this.waiting };
  }

  /**
   * What follows a place, as the log is now.
   * @throws PositionLost where what was read up to the place is not what the log holds
   */
  page(question: FeedQuestion): Promise<FeedPage> {
    return this.readings.run(() => this.read(question));
  }

  /**
   * The same; where there is nothing yet, what comes within a time.
   * @param signal ends the waiting
   * @throws PositionLost, Overloaded where too many wait
   */
  async awaited(question: FeedQuestion, ms: number, signal: AbortSignal): Promise<FeedPage> {
    if (this.waiting >= this.options.mostWaiting) throw tooMany('wait for events');
    this.waiting++;
    try {
      return await this.next(question, ms, signal);
    } finally {
      this.waiting--;
    }
  }

  /**
   * Page after page, for ever: until the signal aborts or the feed closes. A page without events tells at least every
   * `idleMs` how far it has come.
   * @throws PositionLost, also when the log is forked meanwhile; Overloaded where too many follow
   */
  async *follow(question: FeedQuestion, signal: AbortSignal, idleMs = 15_000): AsyncGenerator<FeedPage> {
    if (this.following >= this.options.mostFollowing) throw tooMany('follow the log');
    this.following++;
    try {
      // Kept all the while: between two pages nobody would hold the end of the log.
      const release = await this.tail.use();
      try {
        // The first says at once where the log is, events or not.
        let page = await this.page(question);
        yield page;
        while (!signal.aborted && !this.closed) {
          const further = { ...question, place: placeAfter(page) };
          // That the end is reached is told at once, events or not: nothing is waited for before.
          page = page.through < page.head ? await this.page(further) : await this.next(further, idleMs, signal);
          yield page;
        }
      } finally {
        release();
      }
    } finally {
      this.following--;
    }
  }

  /** Ends all that waits and follows. */
  close(): void {
    this.closed = true;
    this.tail.close();
  }

  private async next(question: FeedQuestion, ms: number, signal: AbortSignal): Promise<FeedPage> {
    const isOver = (): boolean => signal.aborted || this.closed;
    if (isOver()) return this.page(question);
    const end = performance.now() + ms;
    const isWanted = (event: FeedEvent): boolean => isAsked(question, event);
    // Before the log is looked at: what comes in between is in the tail.
    const release = await this.tail.use();
    try {
      let page = this.atTail(question) ?? (await this.page(question));
      while (page.events.length === 0 && page.through >= page.head && !isOver()) {
        const left = end - performance.now();
        if (left <= 0) break;
        const through = await this.tail.next(page.through, isWanted, left, signal);
        // As far as nothing came is told, too: nobody has to look there again.
        page = { ...page, through, head: through };
        if (isOver() || performance.now() >= end) break;
        const further = { ...question, place: placeAfter(page) };
        page = { ...(this.atTail(further) ?? (await this.page(further))), after: page.after };
      }
      return page;
    } finally {
      release();
    }
  }

  /** What follows a place, where it is near the end of the log; undefined where that has to be read. */
  private atTail(question: FeedQuestion): FeedPage | undefined {
    const { place, limit, bytes } = question;
    const { identity } = this.store;
    const { position, incarnation, log = identity.id } = place;
    if (log !== identity.id || isAheadOf(identity, place) || identity.isLost(position, incarnation)) return undefined;
    const span = this.tail.since(position);
    if (!span) return undefined;
    const events: FeedEvent[] = [];
    let through = span.to;
    let characters = 0;
    for (const event of span.events) {
      if (!isAsked(question, event)) continue;
      characters += event.characters;
      const last = events.at(-1);
      if (last && (events.length === limit || characters > bytes)) {
        through = last.position;
        break;
      }
      events.push(event);
    }
    return { identity, after: position, through, head: span.to, events };
  }

  private async read(question: FeedQuestion): Promise<FeedPage> {
    const { place } = question;
    for (;;) {
      const { identity } = this.store;
      const head = await this.headFor(place);
      assertHeld(this.store.identity, place, head);
      const { events, through } = await this.look(question, head);
      // Where another incarnation has begun meanwhile, what was read may be lost by now.
      if (this.store.identity !== identity) continue;
      return {
        identity,
        after: place.position,
        through,
        head,
        events: events.map((event) => new FeedEvent(event, identity)),
      };
    }
  }

  /** The last position; where a place is beyond what this process knows, it asks first which log this is by now. */
  private async headFor(place: Place): Promise<bigint> {
    const { position: head } = await this.store.head();
    const isKnown = place.position <= head && !isAheadOf(this.store.identity, place);
    if (isKnown) return head;
    // A connection each: senders of made-up positions get one a second.
    if (performance.now() - this.refreshedAt >= 1_000) {
      this.refreshedAt = performance.now();
      await this.store.refreshIdentity();
    }
    return (await this.store.head()).position;
  }

  private async look(
    { place: { position: after }, types, subject, limit, bytes }: FeedQuestion,
    head: bigint,
  ): Promise<{ events: EventPage; through: bigint }> {
    const bounds: ReadAllOptions & { through: bigint } = { after, through: head, limit, bytes };
    let found: EventPage;
    if (subject !== undefined) {
      // By the subject's own index; the types are told apart here, as one customer has few events.
      found = await this.store.readSubjects([subject], bounds);
    } else if (types) {
      bounds.through = this.spanEnd(after, head);
      found = await this.store.readTypes(types, bounds);
    } else found = await this.store.readAll(bounds);
    const isCut = found.cut || found.length === limit;
    const through = isCut ? found.at(-1)!.position : bounds.through;
    const events = subject !== undefined && types ? found.filter(({ type }) => isOfTypes(types, type)) : found;
    return { events, through };
  }

  /** Where a look at all events after a position ends: so many further, and never in a hole, where no event is. */
  private spanEnd(after: bigint, head: bigint): bigint {
    const { holes } = this.store.identity;
    let start = after;
    for (const hole of holes) if (hole.after <= start && start < hole.before - 1n) start = hole.before - 1n;
    let end = start + BigInt(this.options.look);
    for (const hole of holes.toReversed()) if (hole.after < end && end < hole.before) end = hole.after;
    return end < head ? end : head;
  }
}

const isAsked = ({ types, subject }: FeedQuestion, event: FeedEvent): boolean =>
  (subject === undefined || event.subject === subject) && (!types || isOfTypes(types, event.type));

const placeAfter = ({ identity, through }: FeedPage): Place => ({
  position: through,
  incarnation: identity.current.number,
  log: identity.id,
});

const tooMany = (what: string): Overloaded => new Overloaded(`too many ${what} here at once; ask again later`);
