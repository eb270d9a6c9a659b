import type { Log } from '#platform/event-bus/consuming/log-reading.js';
import type { Pool } from '#platform/postgres/pool.js';
import { liveBuild } from '../builds/builds.js';
import { guardLog, isGuarded } from '../builds/log-guard.js';
import type { Projection } from '../definition/projection.js';

/** The live build of a projection is of another version than this code, or there is none. */
export class OtherVersionLive extends Error {
  constructor({ name, version }: Projection, live: number | undefined) {
    super(
      live === undefined
        ? `${name} has no live build`
        : live < version
          ? `${name} is live in version ${live}; version ${version} is being built beside it`
          : `${name} is live in version ${live}, newer than version ${version} that this code makes: ` +
            `if no newer code runs any more, it is swapped back by itself (at once: yad swap-back ${name})`,
    );
    this.name = 'OtherVersionLive';
  }
}

/**
 * Sees to it that what this process still holds of an incarnation of the log that is over is not written over what
 * others know: called before anything is read anew.
 */
export async function holdToLog(pool: Pool, log: Log): Promise<void> {
  if (!(await isGuarded(pool, log.store))) await guardLog(pool, log.store);
}

/** The generation that is live, of this code's version. @throws OtherVersionLive */
export async function liveGeneration(pool: Pool, projection: Projection): Promise<number> {
  const live = await liveBuild(pool, projection.name);
  if (live?.version !== projection.version) throw new OtherVersionLive(projection, live?.version);
  return live.generation;
}
