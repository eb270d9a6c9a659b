import type { Pool } from '#platform/postgres/pool.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import type { Log } from './catch-up.js';

/** What operations on builds work with. */
export interface ProjectionRuntime {
  /** Needs at least four connections. */
  readonly pool: Pool;
  readonly log: Log;
  readonly decoded: DecodedEvents;
}
