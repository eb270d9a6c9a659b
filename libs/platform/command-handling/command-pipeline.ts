import { systemClock, type Clock } from '#platform/kernel/clock.js';
import { streamName } from '#platform/kernel/envelope.js';
import { KeyReused, RuleViolation, TooContended } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { Appender, type AppenderOptions } from '#platform/event-store/appender.js';
import type { AppendOutcome, AppendRequest, EventStore } from '#platform/event-store/event-store.js';
import { AggregateCache, type CachedAggregate } from './aggregate-cache.js';
import type { CommandGateway, CommandResult } from './command-gateway.js';
import type { CommandMessage } from './command-message.js';
import { decide, type DecidedEvents } from './decision.js';
import { EventPlacement, planOf } from './event-placement.js';
import { entriesOf, ParticipantSource, pendingAppends, readSetOf, type Participants } from './participants.js';
import { Receipts } from './receipts.js';
import { RefusalCheck, seenStates, settle } from './refusal-check.js';
import { StateLoader } from './state-loader.js';
import { StreamLocks, type StreamLock } from './stream-locks.js';

const MAX_TRIES = 12;
const TOLERANCE_MS = 5 * 60_000;

export interface CommandPipelineOptions extends AppenderOptions {
  store: EventStore;
  codec: EventCodec;
  clock?: Clock;
  /** How far ahead of the clock a sender may date a command, in milliseconds: clocks differ. */
  toleranceMs?: number;
  /** Streams whose state is held in memory. */
  cachedStreams?: number;
}

/**
 * What an attempt came to. `again`: the decision rested on a state that did not come to be. `others-first`: likewise,
 * where only another command of this process was refused, which says nothing of how contended this one is.
 */
type Attempt = CommandResult | 'again' | 'others-first';

/**
 * Load, decide, append. Commands of one process that touch one stream are decided one after the other, on the
 * state that the appends under way would leave, so that they share a commit; the revisions in the append make
 * that safe against other processes.
 */
export class CommandPipeline implements CommandGateway {
  private readonly states: AggregateCache;
  private readonly participants: ParticipantSource;
  private readonly placement: EventPlacement;
  private readonly appender: Appender;
  private readonly receipts: Receipts;
  private readonly refusals: RefusalCheck;
  private readonly locks = new StreamLocks();
  private readonly underWay = new Map<string, { message: CommandMessage; result: Promise<CommandResult> }>();
  private readonly store: EventStore;
  private readonly codec: EventCodec;
  private readonly clock: Clock;
  private readonly toleranceMs: number;

  constructor(options: CommandPipelineOptions) {
    const { store, codec, clock = systemClock, toleranceMs = TOLERANCE_MS, cachedStreams, ...appending } = options;
    this.store = store;
    this.codec = codec;
    this.clock = clock;
    this.toleranceMs = toleranceMs;
    this.states = new AggregateCache(cachedStreams);
    this.participants = new ParticipantSource(this.states, new StateLoader(store, codec, this.states));
    this.placement = new EventPlacement(store, codec, this.states);
    this.appender = new Appender(store, appending);
    this.receipts = new Receipts(store, codec);
    this.refusals = new RefusalCheck(store, this.states);
    store.onIncarnation(() => this.states.clear());
  }

  /** Commands whose events wait for the store or are under way. */
  get waiting(): number {
    return this.appender.depth;
  }

  execute(message: CommandMessage): Promise<CommandResult> {
    const { commandId, fingerprint } = message;
    if (!fingerprint) return this.run(message);
    // Parallel repeats in this process share one run; those of other processes meet at the store. Only the answer to
    // the one that runs may say that it stored something: a sender that counts such answers counts events.
    const same = this.underWay.get(commandId);
    if (same) {
      const alike = same.message.fingerprint!.equals(fingerprint);
      return same.result.then(
        (result) => {
          if (!alike) throw new KeyReused(commandId);
          return { ...result, repeated: true };
        },
        (error: unknown) => {
          // A key is used by what was stored, and a refusal is of what was asked: another If-Match asks something else.
          if (alike && same.message.expectedRevision === message.expectedRevision) throw error;
          return this.execute(message);
        },
      );
    }
    const result = this.run(message).finally(() => this.underWay.delete(commandId));
    this.underWay.set(commandId, { message, result });
    return result;
  }

  private async run(message: CommandMessage): Promise<CommandResult> {
    const { definition, id } = message;
    const { name } = definition.on;
    let lock: StreamLock | undefined;
    const takeLock = (): StreamLock | undefined => (lock ??= this.locks.take(name, id));
    try {
      for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
        // One that has to wait and decide again, or to load, must not be overtaken by those that came after it.
        for (let other = this.locks.other(name, id, lock); other; other = this.locks.other(name, id, lock)) {
          await other.released;
        }
        // A command that creates finds nothing in the usual case; the append tells if it is otherwise.
        const mayBeNew = attempt === 0;
        let participants = this.participants.peek(message, mayBeNew);
        if (!participants) {
          takeLock();
          participants = await this.participants.load(message, mayBeNew);
        }
        const result = await this.attempt(message, participants, takeLock);
        if (result === 'others-first') attempt--;
        else if (result !== 'again') return result;
      }
      throw new TooContended({ aggregate: name, aggregateId: id });
    } finally {
      if (lock) this.locks.release(lock);
    }
  }

  /** Synchronous until the append. */
  private attempt(
    message: CommandMessage,
    participants: Participants,
    takeLock: () => void,
  ): Promise<Attempt> | 'again' {
    const entries = entriesOf(participants);
    if (entries.some(({ dropped }) => dropped)) return 'again';
    const verdict = decide(message, participants, { now: this.clock.now(), toleranceMs: this.toleranceMs });
    if (verdict.refusal) {
      takeLock();
      return this.refuse(message, entries, verdict.refusal);
    }
    if (verdict.events.length === 0) {
      takeLock();
      return this.answerWithoutEvents(message, participants);
    }
    return this.append(message, participants, verdict.events, verdict.occurredAt, takeLock);
  }

  /** @throws the refusal, where it stands */
  private async refuse(message: CommandMessage, entries: CachedAggregate[], refusal: Error): Promise<Attempt> {
    const seen = seenStates(entries);
    // A refusal must not rest on what may yet fail to be stored.
    if (await settle(entries)) return 'again';
    // The state that refuses may be this very command's own doing, the first time it came.
    const receipt = message.fingerprint && (await this.receipts.find(message));
    if (receipt) return this.receipts.repeated(message, receipt);
    // Nor on a state that another process has moved on from.
    if (await this.refusals.isBehind(seen)) return 'again';
    throw refusal;
  }

  private async answerWithoutEvents(message: CommandMessage, participants: Participants): Promise<Attempt> {
    const entries = entriesOf(participants);
    const seen = seenStates(entries);
    if ((await settle(entries)) || (await this.refusals.isBehind(seen))) return 'again';
    return this.receipts.answerWithoutEvents(message, participants.own);
  }

  /** Places and appends what was decided; meanwhile the states that it moves count on it. */
  private async append(
    message: CommandMessage,
    participants: Participants,
    decided: DecidedEvents,
    occurredAt: Date,
    takeLock: () => void,
  ): Promise<Attempt> {
    const { id, commandId, fingerprint } = message;
    const { own } = participants;
    const entries = entriesOf(participants);
    const plan = planOf(message, participants, decided, occurredAt);
    // Whom a stream that begins is about is known only now. While that is fetched the states may move on: all is decided
    // again then.
    const preparing = this.codec.prepare(plan.map(({ subject }) => subject));
    if (preparing) {
      takeLock();
      await preparing;
      return 'again';
    }
    const dependsOn = pendingAppends(entries);
    const { events, touched, reserves } = this.placement.place(message, plan, occurredAt);
    const kept = fingerprint && (this.codec.fingerprint(events[0]!.subject, fingerprint) ?? null);
    const { revision } = own;
    const readSet = readSetOf(entries, touched);
    const incarnation = this.store.identity.current.number;
    const request: AppendRequest = { commandId, fingerprint: kept, events, dependsOn, readSet, incarnation, reserves };
    const appended = this.appender.append(request);
    for (const entry of touched) {
      entry.pending++;
      entry.last = request;
      entry.settled = appended.catch(() => {});
    }
    let outcome: AppendOutcome;
    // What was not stored is dropped before anybody else goes on: no decision may count on it then.
    try {
      outcome = await appended;
    } catch (error) {
      for (const entry of touched) this.states.drop(entry);
      throw error;
    } finally {
      for (const entry of touched) if (--entry.pending === 0) entry.last = undefined;
    }
    if (outcome.kind === 'stored') {
      const { position } = outcome;
      return { id, stream: streamName(own), revision, position, events: events.length, repeated: false };
    }
    for (const entry of entries) this.states.drop(entry);
    if (outcome.kind === 'repeated') return this.receipts.repeated(message, outcome.receipt);
    if (outcome.kind === 'taken') {
      const { reservation, holder } = outcome;
      throw new RuleViolation(
        `${reservation.scope}-is-unique`,
        `${streamName(holder)} has this ${reservation.scope} already`,
      );
    }
    takeLock();
    return outcome.dependencyFailed ? 'others-first' : 'again';
  }
}
