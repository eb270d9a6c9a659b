import type { Pool } from '#platform/postgres/pool.js';
import type { DecodedEvents } from '../folding/decoded-events.js';

/**
 * So long nobody may have met such an event before a build is made anew: while code that does not know it still writes,
 * the new build would be as wanting as the old one.
 */
const QUIET_MS = 60_000;

/** The projections whose live build has folded only the envelope of events that this code knows. */
export async function unknownToBuilds(
  pool: Pool,
  decoded: Pick<DecodedEvents, 'knows'>,
  quietMs = QUIET_MS,
): Promise<string[]> {
  const { rows } = await pool.query<{ projection: string; type: string; version: number; quiet: boolean }>(
    `select u.projection, u.event_type as type, u.schema_version as version,
            u.noted_at <= now() - make_interval(secs => $1) as quiet
       from projections.unknown_events u join projections.builds b using (projection, generation)
      where b.status = 'live' order by 1`,
    [quietMs / 1000],
  );
  const known = rows.filter(({ type, version }) => decoded.knows(type, version));
  const busy = new Set(known.filter(({ quiet }) => !quiet).map(({ projection }) => projection));
  return [...new Set(known.map(({ projection }) => projection))].filter((projection) => !busy.has(projection));
}
