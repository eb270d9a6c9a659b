import type { ReadModels } from '#platform/projections/definition/query.js';
import { QueryBudget } from '#platform/projections/queries/query-budget.js';

/** Four bounds of recency, of frequency, of monetary value; null when nobody bought. */
export type Bounds = readonly [readonly string[] | null, readonly string[] | null, readonly string[] | null];

/** What a question about one customer came to. */
interface Found {
  readonly bounds: Bounds;
  /** Of the read models, as the statement saw them; null where states cannot be told apart. */
  readonly state: string | null;
}

/** Days and currencies of which bounds are remembered. */
const REMEMBERED = 256;

/**
 * The quintile bounds that were worked out last for each day and currency. Working them out looks at everybody, so
 * they are reused as long as the read models stand where they stood; what is reused is exact.
 */
export class RememberedBounds {
  private readonly known = new Map<string, Found>();
  private readonly budget = new QueryBudget();

  /**
   * @param key what the bounds are of
   * @param withBounds scores with bounds that are given
   * @param amongAll scores, and works the bounds out in the same statement
   * @throws TooManyHeavyQueries when too many work bounds out
   */
  async score<F extends Found>(
    key: string,
    withBounds: (bounds: Bounds) => Promise<F>,
    amongAll: () => Promise<F>,
  ): Promise<F> {
    const reused = await this.reuse(key, withBounds);
    if (reused) return reused;
    return this.budget.run(async () => {
      // Whoever had the turn before has perhaps just worked them out.
      const waited = await this.reuse(key, withBounds);
      if (waited) return waited;
      const found = await amongAll();
      this.known.delete(key);
      if (found.state !== null) this.known.set(key, { bounds: found.bounds, state: found.state });
      if (this.known.size > REMEMBERED) this.known.delete(this.known.keys().next().value!);
      return found;
    });
  }

  /** Undefined where the read models have moved on since. */
  private async reuse<F extends Found>(
    key: string,
    withBounds: (bounds: Bounds) => Promise<F>,
  ): Promise<F | undefined> {
    const known = this.known.get(key);
    if (!known) return undefined;
    const found = await withBounds(known.bounds);
    return found.state === known.state ? found : undefined;
  }
}

const remembered = new WeakMap<ReadModels, RememberedBounds>();

/** The bounds that are remembered of these read models. */
export function boundsOf(read: ReadModels): RememberedBounds {
  let found = remembered.get(read);
  if (!found) remembered.set(read, (found = new RememberedBounds()));
  return found;
}
