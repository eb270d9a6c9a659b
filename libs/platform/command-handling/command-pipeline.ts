import { createHmac } from 'node:crypto';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import { assertNotAhead } from '#platform/kernel/chronology.js';
import { assertInOrder, eventsOf, type DecideContext, type Referenced } from '#platform/kernel/command.js';
import { streamOf, type EventMeta, type EventToAppend } from '#platform/kernel/envelope.js';
import {
  InvalidInput,
  KeyReused,
  NotFound,
  RuleViolation,
  StaleRevision,
  TooContended,
} from '#platform/kernel/errors.js';
import { encode, type EventCatalogue } from '#platform/kernel/event-catalogue.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { MOST_EVENT_BYTES } from '#platform/kernel/sizes.js';
import { Appender, type AppenderOptions } from '#platform/event-store/appender.js';
import type {
  AppendOutcome,
  AppendRequest,
  EventStore,
  Receipt,
  Reservation,
  StreamRevision,
} from '#platform/event-store/event-store.js';
import type { CommandGateway, CommandResult } from './command-gateway.js';
import type { CommandMessage } from './command-message.js';
import { ReceiptLookup } from './receipt-lookup.js';
import { AggregateCache, type CachedAggregate } from './aggregate-cache.js';

const MAX_TRIES = 12;
const TOLERANCE_MS = 5 * 60_000;
/** What a decision may answer; anything else is an error of ours. */
const REFUSALS = [NotFound, RuleViolation, StaleRevision];

export interface CommandPipelineOptions extends AppenderOptions {
  store: EventStore;
  catalogue: EventCatalogue;
  clock?: Clock;
  /** How far ahead of the clock a sender may date a command, in milliseconds: clocks differ. */
  toleranceMs?: number;
  /** Streams whose state is held in memory. */
  cachedStreams?: number;
}

interface Participants {
  own: CachedAggregate;
  refs: Record<string, { entry: CachedAggregate; aggregate: Aggregate; id: string } | undefined>;
}

/** Held by a command that decides again, so that those behind it on its stream wait. */
interface StreamLock {
  readonly released: Promise<void>;
  readonly release: () => void;
}

interface Target {
  entry: CachedAggregate;
  aggregate: Aggregate;
  id: string;
}

/**
 * Load, decide, append. Commands of one process that touch one stream are decided one after the other, on the
 * state that the appends under way would leave, so that they share a commit; the revisions in the append make
 * that safe against other processes.
 */
export class CommandPipeline implements CommandGateway {
  private readonly states: AggregateCache;
  private readonly appender: Appender;
  private readonly receipts: ReceiptLookup;
  private readonly locks = new Map<string, StreamLock>();
  private readonly underWay = new Map<string, { message: CommandMessage; result: Promise<CommandResult> }>();
  private readonly store: EventStore;
  private readonly clock: Clock;
  private readonly toleranceMs: number;
  private reservationKey: Buffer | undefined;

  constructor(options: CommandPipelineOptions) {
    const { store, catalogue, clock = systemClock, toleranceMs = TOLERANCE_MS, cachedStreams, ...appending } = options;
    this.store = store;
    this.clock = clock;
    this.toleranceMs = toleranceMs;
    this.states = new AggregateCache(store, catalogue, cachedStreams);
    this.appender = new Appender(store, appending);
    this.receipts = new ReceiptLookup(store);
    store.onIncarnation(() => this.states.clear());
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
    const stream = streamOf(definition.on.name, id);
    let lock: StreamLock | undefined;
    try {
      for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
        // One that has to wait and decide again, or to load, must not be overtaken by those that came after it.
        for (let other = this.locks.get(stream); other && other !== lock; other = this.locks.get(stream)) {
          await other.released;
        }
        // A state may wait while others are loaded, and change meanwhile: all are taken from the cache at once.
        let participants = this.peekAll(message, stream, attempt);
        if (!participants) {
          lock ??= this.takeLock(stream);
          participants = await this.loadAll(message, stream, attempt);
        }
        const result = await this.decideAndAppend(message, participants, () => (lock ??= this.takeLock(stream)));
        if (result === 'others-first') attempt--;
        else if (result) return result;
      }
      throw new TooContended(stream);
    } finally {
      if (lock) {
        this.locks.delete(stream);
        lock.release();
      }
    }
  }

  private takeLock(stream: string): StreamLock | undefined {
    // Somebody who came before holds it: we wait for them, and then have ours.
    if (this.locks.has(stream)) return undefined;
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    const lock = { released, release };
    this.locks.set(stream, lock);
    return lock;
  }

  private peekAll(message: CommandMessage, stream: string, attempt: number): Participants | undefined {
    const { definition, input } = message;
    let own = this.states.peek(stream);
    // A command that creates finds nothing in the usual case; the append tells if it is otherwise.
    if (!own && definition.creates && attempt === 0) own = this.states.fresh(definition.on, stream);
    if (!own) return undefined;
    const refs: Participants['refs'] = {};
    for (const name in definition.refs) {
      const { aggregate, id: idOf } = definition.refs[name]!;
      const id = idOf(input, own.state);
      if (id === undefined) continue;
      const entry = this.states.peek(streamOf(aggregate.name, id));
      if (!entry) return undefined;
      refs[name] = { entry, aggregate, id };
    }
    return { own, refs };
  }

  private async loadAll(message: CommandMessage, stream: string, attempt: number): Promise<Participants> {
    const { definition, input } = message;
    for (;;) {
      const own =
        this.states.peek(stream) ??
        (definition.creates && attempt === 0 ? undefined : await this.states.load(definition.on, stream));
      const missing: Promise<CachedAggregate>[] = [];
      for (const { aggregate, id: idOf } of Object.values(definition.refs)) {
        const id = idOf(input, own?.state ?? definition.on.initial);
        const refStream = id && streamOf(aggregate.name, id);
        if (refStream && !this.states.peek(refStream)) missing.push(this.states.load(aggregate, refStream));
      }
      await Promise.all(missing);
      const participants = this.peekAll(message, stream, attempt);
      if (participants) return participants;
    }
  }

  /**
   * Undefined: the decision rested on a state that did not come to be; try again. `others-first`: likewise, where only
   * another command of this process was refused, which says nothing of how contended this one is. Synchronous until
   * the append.
   */
  private async decideAndAppend(
    message: CommandMessage,
    participants: Participants,
    takeLock: () => void,
  ): Promise<CommandResult | 'others-first' | undefined> {
    const { definition, commandId, fingerprint, expectedRevision } = message;
    const { own } = participants;
    const entries = entriesOf(participants);
    if (entries.some(({ dropped }) => dropped)) return undefined;
    const now = this.clock.now();
    const occurredAt = message.occurredAt ?? notBefore(now, participants, this.toleranceMs);
    definition.pastDays.assertCome(message.input, occurredAt);

    let decided: ReturnType<typeof eventsOf>;
    try {
      if (own.revision < 0 && !definition.mayBegin) {
        throw new NotFound(`there is no ${definition.on.name} ${message.id}`);
      }
      if (expectedRevision !== undefined && expectedRevision !== own.revision) {
        throw new StaleRevision(own.stream, expectedRevision, own.revision);
      }
      if (message.occurredAt) assertNotAhead(occurredAt.getTime(), now.getTime(), this.toleranceMs);
      decided = eventsOf(definition.decide(own.state, message.input, contextOf(message, participants, occurredAt)));
      if (decided.length > 0) assertInOrder(definition, own, participants.refs, decided, occurredAt.getTime());
    } catch (refusal) {
      if (!REFUSALS.some((kind) => refusal instanceof kind)) throw refusal;
      takeLock();
      const seen = seenOf(entries);
      // A refusal must not rest on what may yet fail to be stored.
      if (await settle(entries)) return undefined;
      // The state that refuses may be this very command's own doing, the first time it came.
      const receipt = fingerprint && (await this.receiptOf(message));
      if (receipt) return this.repeat(message, receipt);
      // Nor on a state that another process has moved on from: an append would have told, a refusal has to ask.
      if (await this.isBehind(seen)) return undefined;
      throw refusal;
    }
    if (decided.length === 0) {
      takeLock();
      const seen = seenOf(entries);
      if ((await settle(entries)) || (await this.isBehind(seen))) return undefined;
      return this.answerWithoutEvents(message, own);
    }

    const dependsOn = underWay(entries);
    const touched: CachedAggregate[] = [];
    const events = this.place(message, participants, decided, occurredAt, touched);
    const { revision } = own;
    const readSet = readSetOf(entries, touched);
    const reserves = this.reservations(decided, events);
    const incarnation = this.store.identity.current.number;
    const request: AppendRequest = { commandId, fingerprint, events, dependsOn, readSet, incarnation, reserves };
    const appended = this.appender.append(request);
    for (const entry of touched) {
      entry.pending++;
      entry.last = request;
      entry.settled = appended.catch(() => {});
    }
    let outcome: AppendOutcome;
    try {
      outcome = await appended;
    } catch (error) {
      for (const entry of touched) this.states.drop(entry);
      throw error;
    } finally {
      for (const entry of touched) if (--entry.pending === 0) entry.last = undefined;
    }
    if (outcome.kind === 'stored') {
      const position = outcome.firstPosition + BigInt(events.length - 1);
      return { id: message.id, stream: own.stream, revision, position, events: events.length, repeated: false };
    }
    for (const entry of entries) this.states.drop(entry);
    if (outcome.kind === 'repeated') return this.repeat(message, outcome.receipt);
    if (outcome.kind === 'taken') {
      const { reservation, holder } = outcome;
      throw new RuleViolation(`${reservation.scope}-is-unique`, `${holder} has this ${reservation.scope} already`);
    }
    takeLock();
    return outcome.dependencyFailed ? 'others-first' : undefined;
  }

  /** Whether the store holds events that a decision did not know, or not those that it knew; such states are dropped. */
  private async isBehind(seen: readonly Seen[]): Promise<boolean> {
    const newer = await Promise.all(
      seen.map(async ({ entry, revision }) => {
        const { stream } = entry;
        // The revision itself too: a server that took over may have lost it.
        const from = Math.max(revision, 0);
        const there = await this.store.readStream(stream, { fromRevision: from, limit: 2 });
        const moved = there.length !== revision - from + 1;
        if (moved) this.states.drop(entry);
        return moved || entry.dropped;
      }),
    );
    return newer.includes(true);
  }

  /** Gives each decided event its stream, revision and subject, and moves the cached states on. */
  private place(
    message: CommandMessage,
    { own, refs }: Participants,
    decided: ReturnType<typeof eventsOf>,
    occurredAt: Date,
    touched: CachedAggregate[],
  ): EventToAppend[] {
    const meta = metaOf(message);
    // All that may throw comes before the first state moves: one that had moved without an append would mislead.
    const encoded = decided.map((item) => encodeWithinBounds('at' in item ? item.event : (item as DomainEvent<any>)));
    return decided.map((item, index) => {
      let target: Target = { entry: own, aggregate: message.definition.on, id: message.id };
      let event = item as DomainEvent<any>;
      if ('at' in item) {
        const ref = refs[item.at];
        if (!ref) throw new Error(`${message.definition.name} addresses an event to '${item.at}', which it has not`);
        target = ref;
        event = item.event;
      }
      const { entry, aggregate } = target;
      if (!touched.includes(entry)) touched.push(entry);
      const happened = { type: event.contract.type, data: event.data, occurredAt };
      entry.dates.note(aggregate.dating(entry.state, happened), occurredAt.getTime());
      entry.state = aggregate.evolve(entry.state, happened);
      entry.revision++;
      entry.subject ??= aggregate.subject(entry.state, target.id);
      const stored = encoded[index]!;
      this.states.weigh(entry, stored);
      return {
        id: newId(),
        stream: entry.stream,
        revision: entry.revision,
        type: event.contract.type,
        schemaVersion: event.contract.version,
        occurredAt,
        subject: entry.subject,
        ...stored,
        meta,
      };
    });
  }

  /** The keys that the decided events claim; nothing where there are none, as for most commands. */
  private reservations(
    decided: ReturnType<typeof eventsOf>,
    events: readonly EventToAppend[],
  ): readonly Reservation[] | undefined {
    let claimed: Reservation[] | undefined;
    decided.forEach((item, at) => {
      const { contract, data } = 'at' in item ? item.event : (item as DomainEvent<any>);
      for (const { scope, words } of contract.reserves?.(data) ?? []) {
        this.reservationKey ??= this.store.identity.lastingKeyFor('reservations');
        const key = createHmac('sha256', this.reservationKey).update(JSON.stringify(words)).digest();
        (claimed ??= []).push({ scope, key, stream: events[at]!.stream });
      }
    });
    return claimed;
  }

  private async answerWithoutEvents(message: CommandMessage, own: CachedAggregate): Promise<CommandResult> {
    const { position } = await this.store.head();
    const { commandId, fingerprint } = message;
    if (fingerprint) {
      const receipt: Receipt = {
        commandId,
        fingerprint,
        stream: own.stream,
        revision: own.revision,
        position,
        events: 0,
      };
      const first = (await this.receiptOf(message)) ?? (await this.store.keepReceipt(receipt));
      if (first !== receipt) return this.repeat(message, first);
    }
    return { id: message.id, stream: own.stream, revision: own.revision, position, events: 0, repeated: false };
  }

  private receiptOf({ commandId }: CommandMessage): Promise<Receipt | undefined> {
    return this.receipts.find(commandId);
  }

  private repeat(message: CommandMessage, receipt: Receipt): CommandResult {
    const { fingerprint, commandId } = message;
    const same = fingerprint === null || (receipt.fingerprint !== null && receipt.fingerprint.equals(fingerprint));
    if (!same) throw new KeyReused(commandId);
    return {
      id: message.id,
      stream: receipt.stream,
      revision: receipt.revision,
      position: receipt.position,
      events: receipt.events,
      repeated: true,
    };
  }
}

function entriesOf({ own, refs }: Participants): CachedAggregate[] {
  const entries = [own];
  for (const name in refs) entries.push(refs[name]!.entry);
  return entries;
}

/** A state and the revision of it that a decision saw; the state itself may move on meanwhile. */
interface Seen {
  readonly entry: CachedAggregate;
  readonly revision: number;
}

const seenOf = (entries: readonly CachedAggregate[]): Seen[] =>
  entries.map((entry) => ({ entry, revision: entry.revision }));

/** The states that a decision looked at and did not move; nothing where there are none, as for most commands. */
function readSetOf(
  entries: readonly CachedAggregate[],
  touched: readonly CachedAggregate[],
): StreamRevision[] | undefined {
  const left = entries.filter((entry) => !touched.includes(entry));
  return left.length > 0 ? left.map(({ stream, revision }) => ({ stream, revision })) : undefined;
}

/** @throws InvalidInput for an event that no bus would carry */
function encodeWithinBounds(event: DomainEvent<any>): ReturnType<typeof encode> {
  const encoded = encode(event);
  const { data, sealed } = encoded;
  // No text takes more than three bytes a character: most need no count.
  if (data.length + (sealed?.length ?? 0) > MOST_EVENT_BYTES / 3) {
    const bytes = Buffer.byteLength(data) + Buffer.byteLength(sealed ?? '');
    if (bytes > MOST_EVENT_BYTES) {
      const message = `would be stored as ${bytes} bytes; one event has at most ${MOST_EVENT_BYTES}`;
      throw new InvalidInput([{ pointer: '', message }], 'the command is too large');
    }
  }
  return encoded;
}

/**
 * The time of a command that nobody dated: it happens now, after all that its documents have seen, of which another
 * clock may have been a little ahead of this one.
 */
function notBefore(now: Date, { own, refs }: Participants, toleranceMs: number): Date {
  let { latest } = own.dates;
  for (const name in refs) {
    const { entry, aggregate } = refs[name]!;
    if (!aggregate.existedBefore && entry.dates.latest > latest) latest = entry.dates.latest;
  }
  const ahead = latest - now.getTime();
  return ahead > 0 && ahead <= toleranceMs ? new Date(latest) : now;
}

/** The appends that the states count on, if there are any. */
function underWay(entries: readonly CachedAggregate[]): AppendRequest[] | undefined {
  let found: AppendRequest[] | undefined;
  for (const { last } of entries) if (last && !found?.includes(last)) (found ??= []).push(last);
  return found;
}

/** Waits for appends that the states count on; false when there were none to wait for. */
async function settle(entries: readonly CachedAggregate[]): Promise<boolean> {
  const pending = entries.filter((entry) => entry.pending > 0);
  await Promise.all(pending.map(({ settled }) => settled));
  return pending.length > 0;
}

function contextOf(message: CommandMessage, { refs }: Participants, now: Date): DecideContext<any> {
  const states: Record<string, Referenced<any>> = {};
  for (const name in refs) {
    const ref = refs[name]!;
    states[name] = { id: ref.id, state: ref.entry.state, revision: ref.entry.revision };
  }
  return { id: message.id, now, actor: message.actor, refs: states };
}

const metas = new Map<string, EventMeta>();

function metaOf({ actor, onBehalfOf, reason, correlationId, causationId }: CommandMessage): EventMeta {
  if (onBehalfOf || reason || correlationId || causationId) {
    return { actor, onBehalfOf, reason, correlationId, causationId };
  }
  // The usual meta is one actor and nothing else: one object for all of its events, serialised once.
  let meta = metas.get(actor);
  if (!meta) {
    meta = Object.freeze({ actor });
    if (metas.size >= 1000) metas.clear();
    metas.set(actor, meta);
  }
  return meta;
}
