import { backoff } from '#platform/kernel/backoff.js';
import { OutcomeUnknown, Overloaded, YadError } from '#platform/kernel/errors.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { dependencyFailed, type AppendOutcome, type AppendRequest, type EventStore } from './event-store.js';

export interface AppenderOptions {
  /** Events in one call of the store at most. */
  batchEvents?: number;
  /** Bytes of event data in one call at most. */
  batchBytes?: number;
  /** Requests that may wait; the next one is refused. */
  capacity?: number;
  /** Characters of their events that may wait, and one request more. */
  capacityCharacters?: number;
  /** How long a call is tried again after errors that may pass. */
  timeoutMs?: number;
  /** Told of each call of the store. */
  onAppend?: AppendObserver;
}

/** One call of the store: what was in it, how long it took, and whether it failed. */
export type AppendObserver = (append: {
  readonly requests: readonly AppendRequest[];
  readonly ms: number;
  readonly failed: boolean;
}) => void;

interface Waiting {
  request: AppendRequest;
  /** Of its events. */
  characters: number;
  resolve: (outcome: AppendOutcome) => void;
  reject: (error: unknown) => void;
}

/** Calls under way at once: while one commits, the next is encoded and waits at the store's lock. */
const TURNS = 2;
/** Fewer do not take a second turn: the store would take them one after the other all the same, at twice the cost. */
const WORTH_A_TURN = 16;
/** Requests that may be passed over in one go, since they rest on some that are under way. */
const MOST_PASSED_OVER = 1000;

/**
 * Gathers the appends of all commands of this process into few large calls of the store, in the order in which
 * they came. Nothing waits for a timer: an idle appender sends at once, a busy one sends what has gathered.
 * What depends on requests goes with or after them, and is refused where one of them was not stored: an answer that
 * is still under way in another call would come too late to stop it.
 */
export class Appender {
  private queue: Waiting[] = [];
  private underWay = 0;
  private waiting = 0;
  private waitingCharacters = 0;
  private scheduled = false;
  /** All that waits depends on what is under way. */
  private stuck = false;
  private readonly sent = new Set<AppendRequest>();
  private readonly refused = new WeakSet<AppendRequest>();
  private readonly options: Required<Omit<AppenderOptions, 'onAppend'>> & Pick<AppenderOptions, 'onAppend'>;

  constructor(
    private readonly store: Pick<EventStore, 'append' | 'isTransient' | 'isOutcomeUnknown' | 'readAll'>,
    options: AppenderOptions = {},
  ) {
    this.options = {
      batchEvents: 1000,
      batchBytes: 4_000_000,
      capacity: 50_000,
      // Above what the bodies of requests under way may hold together: they are refused first, and whole.
      capacityCharacters: 128 * 1024 * 1024,
      timeoutMs: 10_000,
      ...options,
    };
  }

  /** Appends that wait or are under way. */
  get depth(): number {
    return this.waiting;
  }

  /** Resolves when the store has settled the request. */
  append(request: AppendRequest): Promise<AppendOutcome> {
    const { capacity, capacityCharacters } = this.options;
    if (this.waiting >= capacity || this.waitingCharacters >= capacityCharacters) {
      this.refused.add(request);
      return Promise.reject(new Overloaded());
    }
    let characters = 0;
    for (const event of request.events) characters += charactersOf(event);
    this.waiting++;
    this.waitingCharacters += characters;
    this.stuck = false;
    return new Promise((resolve, reject) => {
      this.queue.push({ request, characters, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || !this.mayGo) return;
    this.scheduled = true;
    // After the I/O of this turn of the event loop, so that all commands that arrived together go together.
    setImmediate(() => {
      this.scheduled = false;
      if (this.mayGo) {
        const batch = this.take();
        if (batch.length > 0) void this.send(batch);
        else this.stuck = true;
      }
      if (this.queue.length > 0) this.schedule();
    });
  }

  private get mayGo(): boolean {
    const { underWay, queue, stuck } = this;
    return queue.length > 0 && !stuck && (underWay === 0 || (underWay < TURNS && queue.length >= WORTH_A_TURN));
  }

  private take(): Waiting[] {
    const { batchEvents, batchBytes } = this.options;
    // With both turns free, half now and half for the other turn: then the two overlap instead of alternating.
    const { length } = this.queue;
    const fair = this.underWay === 0 && length >= WORTH_A_TURN ? Math.ceil(length / 2) : length;
    let events = 0;
    let bytes = 0;
    let seen = 0;
    const batch: Waiting[] = [];
    const passedOver: Waiting[] = [];
    const held = new Set<AppendRequest>();
    for (; batch.length < fair && seen < length && passedOver.length < MOST_PASSED_OVER; seen++) {
      const waiting = this.queue[seen]!;
      const { request } = waiting;
      if (request.dependsOn) {
        if (this.hasFailedDependency(request)) {
          this.waiting--;
          this.waitingCharacters -= waiting.characters;
          this.settle(waiting, dependencyFailed(request));
          continue;
        }
        if (request.dependsOn.some((each) => this.sent.has(each) || held.has(each))) {
          held.add(request);
          passedOver.push(waiting);
          continue;
        }
      }
      events += request.events.length;
      bytes += waiting.characters;
      if (batch.length > 0 && (events > batchEvents || bytes > batchBytes)) break;
      batch.push(waiting);
    }
    this.queue.splice(0, seen, ...passedOver);
    return batch;
  }

  private hasFailedDependency({ dependsOn }: AppendRequest): boolean {
    return dependsOn?.some((each) => this.refused.has(each)) ?? false;
  }

  private settle({ request, resolve }: Waiting, outcome: AppendOutcome): void {
    if (outcome.kind !== 'stored') this.refused.add(request);
    // On a busy stream each depends on the one before: those that are settled must not be kept in memory by the last.
    request.dependsOn = undefined;
    resolve(outcome);
  }

  private fail({ request, reject }: Waiting, error: unknown): void {
    this.refused.add(request);
    request.dependsOn = undefined;
    reject(error instanceof AnswerLost ? new OutcomeUnknown(request.fingerprint !== null, error.cause) : error);
  }

  private async send(batch: Waiting[]): Promise<void> {
    this.underWay++;
    for (const { request } of batch) this.sent.add(request);
    try {
      const outcomes = await this.call(batch.map(({ request }) => request));
      outcomes.forEach((outcome, index) => this.settle(batch[index]!, outcome));
    } catch (error) {
      if (batch.length === 1 || this.isAway(error)) for (const each of batch) this.fail(each, error);
      else await this.sendEach(batch);
    } finally {
      for (const { request } of batch) this.sent.delete(request);
      this.underWay--;
      this.waiting -= batch.length;
      for (const { characters } of batch) this.waitingCharacters -= characters;
      this.stuck = false;
      this.schedule();
    }
  }

  /** An error that is not a clash comes from one request's data: each goes alone, so that only the culprit fails. */
  private async sendEach(batch: Waiting[]): Promise<void> {
    // Where the store went away meanwhile, the time is waited once for all of them.
    let away: unknown;
    for (const waiting of batch) {
      const { request } = waiting;
      if (away !== undefined) {
        this.fail(waiting, away);
        continue;
      }
      if (this.hasFailedDependency(request)) {
        this.settle(waiting, dependencyFailed(request));
        continue;
      }
      await this.call([request]).then(
        ([outcome]) => this.settle(waiting, outcome!),
        (error: unknown) => {
          if (this.isAway(error)) away = error;
          this.fail(waiting, error);
        },
      );
    }
  }

  private isAway(error: unknown): boolean {
    // What the store itself says of a call (its clock is off) holds for all of it.
    return error instanceof AnswerLost || error instanceof YadError || this.store.isTransient(error);
  }

  /**
   * After a broken connection nobody knows whether the batch was stored, so it is sent again: what was stored
   * the first time is told as stored, what another process stored meanwhile as repeated.
   */
  private async call(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    let end: number | undefined;
    let lost = false;
    for (let failures = 1; ; failures++) {
      try {
        const outcomes = await this.observed(requests);
        return end === undefined ? outcomes : await this.tellOwn(requests, outcomes);
      } catch (error) {
        if (!this.store.isTransient(error)) throw error;
        // From the first failure on: how long it took to show is no part of that time.
        lost ||= this.store.isOutcomeUnknown(error);
        // Once an answer is lost, what the store says to later calls does not tell what became of the first.
        if (Date.now() > (end ??= Date.now() + this.options.timeoutMs)) throw lost ? new AnswerLost(error) : error;
        await new Promise((resolve) => setTimeout(resolve, backoff(failures, { firstMs: 20, capMs: 1_000 })));
      }
    }
  }

  private observed(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    const { onAppend } = this.options;
    if (!onAppend) return this.store.append(requests);
    const startedAt = performance.now();
    const tell = (failed: boolean): void => {
      onAppend({ requests, ms: performance.now() - startedAt, failed });
    };
    return this.store.append(requests).then(
      (outcomes) => {
        tell(false);
        return outcomes;
      },
      (error: unknown) => {
        tell(true);
        throw error;
      },
    );
  }

  /**
   * After a second call: a receipt whose event is the request's own comes from the first call, which was stored though
   * its answer was lost. Without this no answer to a command would say that it was this one that stored the events.
   */
  private tellOwn(requests: AppendRequest[], outcomes: AppendOutcome[]): Promise<AppendOutcome[]> {
    return Promise.all(
      outcomes.map(async (outcome, index): Promise<AppendOutcome> => {
        if (outcome.kind !== 'repeated' || outcome.receipt.events === 0) return outcome;
        const { events } = requests[index]!;
        const { position } = outcome.receipt;
        const [last] = await this.store.readAll({ after: position - 1n, through: position, limit: 1 });
        if (last?.id !== events.at(-1)!.id) return outcome;
        return { kind: 'stored', position };
      }),
    );
  }
}

/** The store was called, and its answer never came. */
class AnswerLost extends Error {
  constructor(override readonly cause: unknown) {
    super('the answer of the store was lost');
  }
}
