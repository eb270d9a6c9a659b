import type { EventStore } from '#platform/event-store/event-store.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import type { StoredEvent, StreamId } from '#platform/kernel/envelope.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';

const PAGE = 1_000;
/** Merges of merges that are followed. */
const MOST_MERGES = 32;

export interface StreamSource {
  readonly store: Pick<EventStore, 'readStream'>;
  readonly codec: EventCodec;
}

/** The events of a stream from a revision on, to its end or to a revision. */
export async function streamFrom(
  { store }: StreamSource,
  stream: StreamId,
  fromRevision: number,
  throughRevision = Infinity,
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let from = fromRevision; from <= throughRevision;) {
    const limit = Math.min(PAGE, throughRevision - from + 1);
    const page = await store.readStream(stream, { fromRevision: from, limit });
    events.push(...page);
    if (page.length === 0 || (page.length < limit && !page.cut)) break;
    from = page.at(-1)!.revision + 1;
  }
  return events;
}

/** The state of an aggregate as its stream leaves it at a revision; as it is now without one. */
export async function stateAt<State>(
  source: StreamSource,
  on: Aggregate<State>,
  aggregateId: string,
  throughRevision?: number,
): Promise<State> {
  const events = await streamFrom(source, { aggregate: on.name, aggregateId }, 0, throughRevision);
  await source.codec.prepare(new Set(events.map(({ subject }) => subject)));
  return events.reduce((state, event) => on.evolve(state, source.codec.decode(event)), on.initial);
}

/** The aggregate that a command goes to: the one named, or the one that it was merged into, however often. */
export async function survivorOf(source: StreamSource, on: Aggregate, id: string): Promise<string> {
  if (!on.survivor) return id;
  let at = id;
  for (let merges = 0; merges < MOST_MERGES; merges++) {
    const next = on.survivor(await stateAt(source, on, at));
    if (next === undefined) return at;
    at = next;
  }
  throw new Error(`more than ${MOST_MERGES} merges lead on from ${on.name}-${id}`);
}
