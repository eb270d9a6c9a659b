import type { Clock } from '#platform/kernel/clock.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { Snapshot } from './snapshot.js';

/** A snapshot's last use is noted so often. */
const NOTE_MS = 60_000;
/** Snapshots of which something is remembered. */
const MOST_KNOWN = 1_000;

/** What readers of snapshots need to know, and tell. */
export class SnapshotUses {
  private readonly noted = new Map<string, number>();
  private readonly tables = new Map<string, readonly string[]>();

  constructor(
    private readonly books: Pool,
    private readonly clock: Clock,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** The names of a snapshot's tables, which do not change; none where it has been dropped. */
  async tablesOf({ id, schema }: Snapshot): Promise<readonly string[]> {
    const known = this.tables.get(id);
    if (known) return known;
    const { rows } = await this.books.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = to_regnamespace($1) and relkind = 'r'`,
      [schema],
    );
    if (this.tables.size > MOST_KNOWN) this.tables.clear();
    const names = rows.map(({ name }) => name);
    if (names.length > 0) this.tables.set(id, names);
    return names;
  }

  /** Notes that a snapshot is read: to within a minute, and nobody waits for it. */
  note({ id }: Snapshot): void {
    const now = this.clock.now();
    if (now.getTime() - (this.noted.get(id) ?? -Infinity) < NOTE_MS) return;
    if (this.noted.size > MOST_KNOWN) this.noted.clear();
    this.noted.set(id, now.getTime());
    this.books
      .query(`update projections.snapshots set last_used_at = greatest(last_used_at, $2) where id = $1`, [id, now])
      .catch(this.onError);
  }
}
