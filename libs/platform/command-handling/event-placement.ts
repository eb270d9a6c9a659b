import { createHmac } from 'node:crypto';
import type { EventStore, Reservation } from '#platform/event-store/event-store.js';
import type { EventToAppend, StoredMeta } from '#platform/kernel/envelope.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import type { EventCodec, EventPlace, StoredForm } from '#platform/kernel/event-codec.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { MOST_EVENT_BYTES } from '#platform/kernel/sizes.js';
import type { AggregateCache, CachedAggregate } from './aggregate-cache.js';
import type { CommandMessage } from './command-message.js';
import type { DecidedEvents } from './decision.js';
import type { Participant, Participants } from './participants.js';

/** Decided events with their places, and the states that they moved on. */
export interface PlacedEvents {
  readonly events: EventToAppend[];
  readonly touched: CachedAggregate[];
  /** The keys that they claim; nothing where there are none, as for most commands. */
  readonly reserves: readonly Reservation[] | undefined;
}

/** A decided event and where it goes: its stream's state before and after it. */
export interface PlannedEvent {
  readonly entry: CachedAggregate;
  readonly aggregate: Aggregate;
  readonly event: DomainEvent<any>;
  readonly before: any;
  readonly after: any;
  readonly revision: number;
  readonly subject: string;
}

/** Where decided events go: stream, revision, subject. The cached states stay as they are. */
export function planOf(
  message: CommandMessage,
  { own, refs }: Participants,
  decided: DecidedEvents,
  occurredAt: Date,
): PlannedEvent[] {
  const plan: PlannedEvent[] = [];
  for (const item of decided) {
    let target: Participant | undefined;
    let event = item as DomainEvent<any>;
    if ('at' in item) {
      target = refs[item.at];
      if (!target) throw new Error(`${message.definition.name} addresses an event to '${item.at}', which it has not`);
      event = item.event;
    } else target = { entry: own, aggregate: message.definition.on, id: message.id };
    const { entry, aggregate, id } = target;
    const last = plan.findLast((each) => each.entry === entry);
    const before = last ? last.after : entry.state;
    const after = aggregate.evolve(before, { type: event.contract.type, data: event.data, occurredAt });
    const { revision, subject } = last ?? entry;
    plan.push({
      entry,
      aggregate,
      event,
      before,
      after,
      revision: revision + 1,
      subject: subject ?? aggregate.subject(after, id),
    });
  }
  return plan;
}

/** Gives planned events their stored form, and moves the cached states on. */
export class EventPlacement {
  private reservationKey: Buffer | undefined;

  constructor(
    private readonly store: Pick<EventStore, 'identity'>,
    private readonly codec: EventCodec,
    private readonly states: AggregateCache,
  ) {}

  /**
   * The codec must have been prepared for their subjects.
   * @throws InvalidInput for an event that no bus would carry; no state has moved then
   */
  place(message: CommandMessage, plan: readonly PlannedEvent[], occurredAt: Date): PlacedEvents {
    // All that may throw comes before the first state moves: one that had moved without an append would mislead.
    const meta = metaOf(message);
    const events = plan.map(({ entry: { aggregate, aggregateId }, event, revision, subject }): EventToAppend => {
      const at = { id: newId(), aggregate, aggregateId, subject };
      const { data, personalData } = this.encodeWithinBounds(event, at, message.reason);
      const { type, version: schemaVersion } = event.contract;
      // All fields by name: spreading a part of them costs a seventh of an append's processor time.
      return {
        id: at.id,
        aggregate,
        aggregateId,
        subject,
        revision,
        type,
        schemaVersion,
        occurredAt,
        data,
        personalData,
        meta,
      };
    });
    const reserves = this.reservations(plan);
    const touched: CachedAggregate[] = [];
    plan.forEach(({ entry, aggregate, event, before, after, revision, subject }, index) => {
      if (!touched.includes(entry)) touched.push(entry);
      entry.dates.note(aggregate.dating(before, { type: event.contract.type, data: event.data }), occurredAt.getTime());
      entry.state = after;
      entry.revision = revision;
      entry.subject = subject;
      this.states.weigh(entry, events[index]!);
    });
    return { events, touched, reserves };
  }

  private encodeWithinBounds(event: DomainEvent<any>, at: EventPlace, reason: string | undefined): StoredForm {
    const encoded = this.codec.encode(event, at, reason);
    const { data, personalData } = encoded;
    // No text takes more than three bytes a character: most need no count.
    if (data.length + (personalData?.length ?? 0) > MOST_EVENT_BYTES / 3) {
      const bytes = Buffer.byteLength(data) + Buffer.byteLength(personalData ?? '');
      if (bytes > MOST_EVENT_BYTES) {
        const message = `would be stored as ${bytes} bytes; one event has at most ${MOST_EVENT_BYTES}`;
        throw new InvalidInput([{ pointer: '', message }], 'the command is too large');
      }
    }
    return encoded;
  }

  private reservations(plan: readonly PlannedEvent[]): readonly Reservation[] | undefined {
    let claimed: Reservation[] | undefined;
    for (const { entry, event } of plan) {
      for (const { scope, words } of event.contract.reserves?.(event.data) ?? []) {
        this.reservationKey ??= this.store.identity.lastingKeyFor('reservations');
        const key = createHmac('sha256', this.reservationKey).update(JSON.stringify(words)).digest();
        const { aggregate, aggregateId } = entry;
        (claimed ??= []).push({ scope, key, aggregate, aggregateId });
      }
    }
    return claimed;
  }
}

const metas = new Map<string, StoredMeta>();

function metaOf({ actor, onBehalfOf, correlationId, causationId, traceparent }: CommandMessage): StoredMeta {
  if (onBehalfOf || correlationId || causationId || traceparent) {
    return { actor, onBehalfOf, correlationId, causationId, traceparent };
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
