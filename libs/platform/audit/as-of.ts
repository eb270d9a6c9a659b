import type { Aggregate } from '#platform/kernel/aggregate.js';
import type { StreamId } from '#platform/kernel/envelope.js';
import { NotFound } from '#platform/kernel/errors.js';
import { maskedInsteadOfErased } from '#platform/kernel/masked.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { EventStore } from '#platform/event-store/event-store.js';

const PAGE = 1000;

export interface AsOf extends StreamId {
  revision: number;
  position: bigint;
  occurredAt: Date;
  recordedAt: Date;
  state: unknown;
}

/**
 * The state of an aggregate after its events up to a revision or position (both inclusive; all when neither is
 * given), folded from the log. Undefined when it had none by then.
 * @param bound `isMasked`: as it would be if all that is personal had been erased, and marked as masked instead
 * @throws NotFound when there is no aggregate of this name
 */
export async function stateAsOf(
  source: { store: Pick<EventStore, 'readStream'>; codec: EventCodec; aggregates: readonly Aggregate[] },
  { aggregate: name, aggregateId }: StreamId,
  { isMasked, ...bound }: { revision?: number; through?: bigint; isMasked?: boolean } = {},
): Promise<AsOf | undefined> {
  const aggregate = source.aggregates.find((each) => each.name === name);
  if (!aggregate) throw new NotFound(`no aggregate is named ${name}`);
  const stream = { aggregate: name, aggregateId };
  let state = aggregate.initial;
  let last: Omit<AsOf, 'state'> | undefined;
  for (;;) {
    const fromRevision = last ? last.revision + 1 : 0;
    const left = bound.revision === undefined ? PAGE : Math.min(PAGE, bound.revision + 1 - fromRevision);
    if (left <= 0) break;
    const page = await source.store.readStream(stream, { fromRevision, through: bound.through, limit: left });
    if (!isMasked) await source.codec.prepare(page.map(({ subject }) => subject));
    for (const stored of page) {
      state = aggregate.evolve(state, isMasked ? source.codec.decodeErased(stored) : source.codec.decode(stored));
      const { revision, position, occurredAt, recordedAt } = stored;
      last = { aggregate: name, aggregateId, revision, position, occurredAt, recordedAt };
    }
    if (page.length < left && !page.cut) break;
  }
  return last && { ...last, state: isMasked ? maskedInsteadOfErased(state) : state };
}
