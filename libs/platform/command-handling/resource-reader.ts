import type { EventStore } from '#platform/event-store/event-store.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';

const PAGE = 1000;

/** An aggregate as it stands, in the form that its resource gives it. */
export interface ReadResource<Answer = unknown> {
  readonly revision: number;
  /** Of its last event. */
  readonly position: bigint;
  readonly recordedAt: Date;
  readonly answer: Answer;
}

/** Reads aggregates whole from the event store: what a command has written is there at once. */
export class ResourceReader {
  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly codec: Pick<EventCodec, 'prepare' | 'decode'>,
  ) {}

  /** True when the aggregate's last event has this revision; costs one event, however long the stream is. */
  async isAt(resource: ResourceDefinition, id: string, revision: number): Promise<boolean> {
    const stream = { aggregate: resource.on.name, aggregateId: id };
    const page = await this.store.readStream(stream, { fromRevision: revision, limit: 2 });
    return page.length === 1 && !page.cut && page[0]!.revision === revision;
  }

  /** The aggregate; undefined when it has no event. */
  async read<Answer>(resource: ResourceDefinition<any, Answer>, id: string): Promise<ReadResource<Answer> | undefined> {
    const { on } = resource;
    const stream = { aggregate: on.name, aggregateId: id };
    const reading = resource.read();
    const takers = new Map<string, (event: RecordedEvent) => void>(reading.on);
    let state = on.initial;
    let last: Omit<ReadResource, 'answer'> | undefined;
    for (;;) {
      const page = await this.store.readStream(stream, { fromRevision: last ? last.revision + 1 : 0, limit: PAGE });
      await this.codec.prepare(page.slice(0, 1).map(({ subject }) => subject));
      for (const stored of page) {
        const event = this.codec.decode(stored);
        state = on.evolve(state, event);
        takers.get(event.type)?.(event);
        const { revision, position, recordedAt } = stored;
        last = { revision, position, recordedAt };
      }
      if (page.length < PAGE && !page.cut) break;
    }
    return last && { ...last, answer: reading.show(state, { id, revision: last.revision }) };
  }
}
