import { setImmediate } from 'node:timers/promises';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { RecordedEvent, StreamId } from '#platform/kernel/envelope.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { maskedInsteadOfErased } from '#platform/kernel/masked.js';
import { ChangesByEvents, MOST_CHANGES, MOST_EVENTS_BETWEEN, type AggregateDiff } from './diff-answer.js';
import { differences, jsonOf, type Difference } from './differences.js';
import { FollowedPlaces } from './followed-places.js';

const PAGE = 1000;
/** Bytes of the events between, as they are stored: they are held until it is known what differs. */
const MOST_BYTES_BETWEEN = 32 * 1024 * 1024;
/** After so many events others have a turn. */
const TURN = 16;

/** What is compared: an aggregate, folded from its events in one form. */
export interface StreamFold {
  take(event: RecordedEvent): void;
  /** The form as it stands. What it gives may change with the next event. */
  show(): unknown;
}

interface Ends {
  /** A position: every event up to there counts. */
  readonly from: bigint;
  readonly to: bigint;
  /** As it would be if all that is personal had been erased, and marked as masked instead. */
  readonly isMasked?: boolean;
}

/**
 * What changed in one aggregate between two positions, by the events that changed it: each is folded by itself, and what
 * differs after it is its doing. Undefined where there is no event by the later of the two.
 * @param begin begins a fold
 * @throws InvalidInput where too many events lie between
 */
export async function compareStream(
  { store, codec }: { store: Pick<EventStore, 'readStream'>; codec: EventCodec },
  stream: StreamId,
  { from, to, isMasked }: Ends,
  begin: () => StreamFold,
): Promise<AggregateDiff | undefined> {
  const shown = (value: unknown): unknown => (isMasked ? maskedInsteadOfErased(value) : jsonOf(value));
  // One goes through to the end; the other stops at the beginning, and goes on when it is known what differs.
  const [whole, stepwise] = [begin(), begin()];
  let before: RecordedEvent | undefined;
  let last: RecordedEvent | undefined;
  let earlier: unknown = {};
  const between: RecordedEvent[] = [];
  let bytes = 0;
  for (;;) {
    const fromRevision = last ? last.revision + 1 : 0;
    const page = await store.readStream(stream, { fromRevision, through: to, limit: PAGE });
    if (!isMasked) await codec.prepare(page.map(({ subject }) => subject));
    for (const stored of page) {
      const event = isMasked ? codec.decodeErased(stored) : codec.decode(stored);
      if (event.position <= from) {
        stepwise.take(event);
        before = event;
      } else {
        if (between.length === 0 && before) earlier = shown(whole.show());
        bytes += stored.data.length + (stored.personalData?.length ?? 0);
        if (between.push(event) > MOST_EVENTS_BETWEEN || bytes > MOST_BYTES_BETWEEN) throw tooFarApart();
      }
      whole.take(event);
      last = event;
    }
    if (page.length < PAGE && !page.cut) break;
  }
  if (!last) return undefined;
  const found = between.length === 0 ? [] : [...differences(earlier, shown(whole.show()))];
  const listed = found.slice(0, MOST_CHANGES);
  const changes = await attributed(listed, between, stepwise, before !== undefined);
  return {
    from: { position: String(from), ...endOf(before) },
    to: { position: String(to), ...endOf(last) },
    ...changes.answer(found.length),
  };
}

/** Which events changed what is listed, each folded by itself. */
async function attributed(
  listed: readonly Difference[],
  between: readonly RecordedEvent[],
  fold: StreamFold,
  wasThere: boolean,
): Promise<ChangesByEvents> {
  const changes = new ChangesByEvents(listed);
  const followed = new FollowedPlaces(listed, wasThere ? fold.show() : {});
  for (const [at, event] of between.entries()) {
    fold.take(event);
    changes.add(event, listed.length === 0 ? [] : followed.next(fold.show()));
    if (at % TURN === TURN - 1) await setImmediate();
  }
  return changes;
}

const endOf = (event: RecordedEvent | undefined) => ({
  recordedAt: event?.recordedAt.toISOString() ?? null,
  revision: event?.revision ?? null,
});

const tooFarApart = (): InvalidInput => {
  const message = `more than ${MOST_EVENTS_BETWEEN} events lie between, or very large ones: name points nearer to each other`;
  return new InvalidInput([{ pointer: '/to', message }]);
};
