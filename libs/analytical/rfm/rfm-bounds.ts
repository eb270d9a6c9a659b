import type { ReadModels } from '#platform/projections/definition/query.js';

/** Four bounds of recency, of frequency, of monetary value; null when nobody bought. */
export type Bounds = readonly [readonly string[] | null, readonly string[] | null, readonly string[] | null];

/** What a question about one customer came to. */
interface Found {
  readonly bounds: Bounds;
  /** Of the read models, as the statement saw them; null where states cannot be told apart. */
  readonly state: string | null;
  /** Nothing that the bounds are worked out from has changed since the state that the statement was given. */
  readonly same: boolean;
}

/** Bounds, and a state of the read models in which they hold. */
export interface Known {
  readonly bounds: Bounds;
  readonly state: string;
}

/** Days and currencies of which bounds are remembered. */
const REMEMBERED = 256;

/**
 * The quintile bounds that were worked out last for each day and currency. Working them out looks at everybody, so
 * they are reused as long as nothing before the day has changed; what is reused is exact.
 */
export class RememberedBounds {
  private readonly known = new Map<string, Known>();

  /**
   * @param key what the bounds are of
   * @param withBounds scores with bounds that are given, and tells whether they still hold
   * @param amongAll scores, and works the bounds out in the same statement
   */
  async score<F extends Found>(
    key: string,
    withBounds: (known: Known) => Promise<F>,
    amongAll: () => Promise<F>,
  ): Promise<F> {
    const reused = await this.reuse(key, withBounds);
    if (reused) return reused;
    const found = await amongAll();
    this.known.delete(key);
    if (found.state !== null) this.known.set(key, { bounds: found.bounds, state: found.state });
    if (this.known.size > REMEMBERED) this.known.delete(this.known.keys().next().value!);
    return found;
  }

  /** Undefined where something before the day has changed since. */
  private async reuse<F extends Found>(key: string, withBounds: (known: Known) => Promise<F>): Promise<F | undefined> {
    const known = this.known.get(key);
    if (!known) return undefined;
    const found = await withBounds(known);
    if (!found.same || found.state === null) return undefined;
    // From here on, so that what is looked through next time is only what came since.
    if (this.known.get(key) === known) this.known.set(key, { bounds: known.bounds, state: found.state });
    return found;
  }
}

const remembered = new WeakMap<NonNullable<ReadModels['states']>, RememberedBounds>();

/** The bounds that are remembered of these read models; where their states cannot be told apart, none. */
export function boundsOf({ states }: ReadModels): RememberedBounds {
  let found = states && remembered.get(states);
  if (!found) found = new RememberedBounds();
  if (states) remembered.set(states, found);
  return found;
}
