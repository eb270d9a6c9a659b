import { createHmac } from 'node:crypto';
import type { EventStore, Reservation } from '#platform/event-store/event-store.js';
import type { EventMeta, EventToAppend } from '#platform/kernel/envelope.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { encode } from '#platform/kernel/event-catalogue.js';
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

/** Gives decided events their streams, revisions and subjects, and moves the cached states on. */
export class EventPlacement {
  private reservationKey: Buffer | undefined;

  constructor(
    private readonly store: Pick<EventStore, 'identity'>,
    private readonly states: AggregateCache,
  ) {}

  /** @throws InvalidInput for an event that no bus would carry; no state has moved then */
  place(message: CommandMessage, participants: Participants, decided: DecidedEvents, occurredAt: Date): PlacedEvents {
    const { own, refs } = participants;
    const meta = metaOf(message);
    const touched: CachedAggregate[] = [];
    // All that may throw comes before the first state moves: one that had moved without an append would mislead.
    const encoded = decided.map((item) => encodeWithinBounds('at' in item ? item.event : (item as DomainEvent<any>)));
    const events = decided.map((item, index): EventToAppend => {
      let target: Participant = { entry: own, aggregate: message.definition.on, id: message.id };
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
    return { events, touched, reserves: this.reservations(decided, events) };
  }

  private reservations(decided: DecidedEvents, events: readonly EventToAppend[]): readonly Reservation[] | undefined {
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
