import type { EventStore } from '#platform/event-store/event-store.js';
import type { AggregateCache, CachedAggregate } from './aggregate-cache.js';
import { GatheredLookup } from './gathered-calls.js';

/** A state and the revision of it that a decision saw; the state itself may move on meanwhile. */
export interface SeenState {
  readonly entry: CachedAggregate;
  readonly revision: number;
}

export const seenStates = (entries: readonly CachedAggregate[]): SeenState[] =>
  entries.map((entry) => ({ entry, revision: entry.revision }));

/** Waits for appends that the states count on; false when there were none to wait for. */
export async function settle(entries: readonly CachedAggregate[]): Promise<boolean> {
  const pending = entries.filter((entry) => entry.pending > 0);
  await Promise.all(pending.map(({ settled }) => settled));
  return pending.length > 0;
}

/**
 * Asks the store whether the states that a refusal rests on are those of now: an append would have told, a refusal has
 * to ask. The look-ups of all refusals of a turn go in one call.
 */
export class RefusalCheck {
  private readonly revisions: GatheredLookup<CachedAggregate, number>;

  constructor(
    store: Pick<EventStore, 'lastRevisions'>,
    private readonly states: AggregateCache,
  ) {
    this.revisions = new GatheredLookup(async (entries) => {
      const found = await store.lastRevisions(entries);
      return new Map(entries.map((entry, at) => [entry, found[at]!]));
    });
  }

  /** Whether the store holds events that a decision did not know, or not those that it knew; such states are dropped. */
  async isBehind(seen: readonly SeenState[]): Promise<boolean> {
    const newer = await Promise.all(
      seen.map(async ({ entry, revision }) => {
        // Lower too: a server that took over may have lost events.
        const moved = (await this.revisions.find(entry)) !== revision;
        if (moved) this.states.drop(entry);
        return moved || entry.dropped;
      }),
    );
    return newer.includes(true);
  }
}
