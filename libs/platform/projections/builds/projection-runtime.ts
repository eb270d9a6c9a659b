import type { Log } from '#platform/event-bus/consuming/log-reading.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { DecodedEvents } from '../folding/decoded-events.js';

/** What operations on builds work with. */
export interface ProjectionRuntime {
  /** Needs at least four connections. */
  readonly pool: Pool;
  readonly log: Log;
  readonly decoded: DecodedEvents;
}
