import { backoff } from '#platform/kernel/backoff.js';
import { layoutOf } from '../builds/half-built.js';
import type { Model } from '../running/build-writer.js';
import { makeSnapshot, type MakerParts } from './make-snapshot.js';
import { snapshotsWhere } from './snapshot-rows.js';

/** Builds the snapshots that are asked for, one at a time in a process; those of processes that died are gone on with. */
export class SnapshotMaker {
  private running: Promise<void> | undefined;
  private failures = 0;
  private retryAt = 0;
  private kicked = false;
  private readonly stopping = new AbortController();

  constructor(
    private readonly parts: MakerParts,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** There may be something to build: it begins at once, or when what is under way has ended. */
  kick(): void {
    if (this.stopping.signal.aborted) return;
    this.kicked = true;
    if (performance.now() < this.retryAt) return;
    this.running ??= this.run()
      .catch((error: unknown) => {
        this.retryAt = performance.now() + backoff(++this.failures, { firstMs: 250, capMs: 10_000 });
        if (!this.stopping.signal.aborted) this.onError(error);
      })
      .finally(() => (this.running = undefined));
  }

  /** Ends what is under way, which another process, or this one when it runs again, goes on with. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the snapshots stop'));
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (this.kicked) {
      this.kicked = false;
      for (const id of await this.due()) {
        if (signal.aborted) return;
        // Another process is at it where this one was not let: the next.
        if (await makeSnapshot(this.parts, id, signal)) this.kicked = true;
        this.failures = 0;
      }
    }
  }

  /** Those that are to be built, of what this code makes, the oldest first. */
  private async due(): Promise<string[]> {
    const { books, models } = this.parts;
    const { rows } = await books.query<{ snapshot: string; projection: string; layout: string; version: number }>(
      `select snapshot, projection, version, layout from projections.snapshot_parts`,
    );
    const found = await snapshotsWhere(books, `where s.status in ('waiting', 'building') order by s.made_at, s.id`);
    return found.flatMap(({ id, parts }) => {
      const own = rows.filter(({ snapshot }) => snapshot === id);
      return parts.length === own.length && own.every((part) => isMadeBy(models.get(part.projection), part))
        ? [id]
        : [];
    });
  }
}

const isMadeBy = (
  model: Model | undefined,
  { version, layout }: { readonly version: number; readonly layout: string },
): boolean => model?.projection.version === version && layoutOf(model) === layout;
