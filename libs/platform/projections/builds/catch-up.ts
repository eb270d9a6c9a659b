import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { BuildWriter } from '../running/build-writer.js';
import type { Batch, PartitionedEvent } from '../running/pauses.js';

/** The log, and how the bus divides it. */
export interface Log {
  readonly store: Pick<EventStore, 'readAll' | 'readSubjects' | 'head' | 'identity' | 'refreshIdentity'>;
  readonly partitions: number;
}

/** Events in one read, and so many that one who is behind by them is level with the others. */
export const PAGE = 1_000;

/** Something with checkpoints, and how far its partitions should be. */
export interface Behind<W extends { readonly checkpoints: ReadonlyMap<number, bigint> }> {
  readonly writer: W;
  readonly targets: ReadonlyMap<number, bigint>;
}

/**
 * Reads the store from where partitions stand to where they should be, and applies what is theirs, page by page.
 * @param targets positions by partition; those already reached cost nothing
 * @throws Error when the store ends before a target; StaleWriter and the like
 */
export async function catchUp(
  writer: BuildWriter,
  log: Log,
  targets: ReadonlyMap<number, bigint>,
  onCommit?: () => void,
): Promise<void> {
  await catchUpTogether([{ writer, targets }], log, async ([part]) => {
    await writer.apply(part!.batch);
    onCommit?.();
  });
}

/** The same for several at once, from one pass over the log. @param apply takes what a page holds for each of them */
export async function catchUpTogether<W extends { readonly checkpoints: ReadonlyMap<number, bigint> }>(
  behind: readonly Behind<W>[],
  log: Log,
  apply: (parts: readonly { writer: W; batch: Batch }[]) => Promise<void>,
): Promise<void> {
  const open = behind
    .map(({ writer, targets }) => ({
      writer,
      targets: new Map([...targets].filter(([partition, to]) => to > (writer.checkpoints.get(partition) ?? 0n))),
    }))
    .filter(({ targets }) => targets.size > 0);
  if (open.length === 0) return;
  const last = max(open.flatMap(({ targets }) => [...targets.values()]));
  let after = min(
    open.flatMap(({ writer, targets }) => [...targets.keys()].map((partition) => writer.checkpoints.get(partition)!)),
  );
  while (after < last) {
    const page = await log.store.readAll({ after, through: last, limit: PAGE });
    if (page.length === 0 && (await log.store.head()).position < last) {
      throw new Error(`the store ends at ${after}, but ${last} was announced: this bus belongs to another log`);
    }
    // Without an event up to there though the log goes on behind it: a hole.
    const end = page.at(-1)?.position ?? last;
    const parts = open.map(({ writer, targets }) => {
      const advance = new Map<number, bigint>();
      for (const [partition, target] of targets) {
        const to = target < end ? target : end;
        if (to > writer.checkpoints.get(partition)!) advance.set(partition, to);
      }
      const events = advance.size > 0 ? select(page, writer.checkpoints, targets, log.partitions) : [];
      return { writer, batch: { events, advance } };
    });
    await apply(parts);
    after = end;
  }
}

/** The events above their partition's position and not above its target. */
export function select(
  page: readonly StoredEvent[],
  from: ReadonlyMap<number, bigint>,
  targets: ReadonlyMap<number, bigint>,
  partitions: number,
): PartitionedEvent[] {
  const selected: PartitionedEvent[] = [];
  for (const event of page) {
    const partition = partitionOf(event.subject, partitions);
    const target = targets.get(partition);
    if (target === undefined || event.position > target || event.position <= from.get(partition)!) continue;
    selected.push({ partition, event });
  }
  return selected;
}

export const max = (positions: Iterable<bigint>): bigint => {
  let most = 0n;
  for (const position of positions) if (position > most) most = position;
  return most;
};

/** The least of these; 0 when there are none. */
export const min = (positions: Iterable<bigint>): bigint => {
  let least: bigint | undefined;
  for (const position of positions) if (least === undefined || position < least) least = position;
  return least ?? 0n;
};
