import { max, min, PAGE, select, type Batch, type Log } from '#platform/event-bus/consuming/log-reading.js';
import type { BuildWriter } from '../running/build-writer.js';

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
