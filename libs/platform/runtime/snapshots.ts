import { MEGABYTE } from '#platform/projections/snapshots/snapshot-bounds.js';
import type { SnapshotSettings } from '#platform/projections/snapshots/snapshots.js';
import type { Environment } from './environment.js';

/** What the settings say of snapshots. */
export const snapshotsOf = (environment: Environment): SnapshotSettings => ({
  bounds: {
    most: environment.SNAPSHOTS_MOST,
    mostBytes: environment.SNAPSHOTS_MOST_MB * MEGABYTE,
    unusedMs: environment.SNAPSHOTS_UNUSED_HOURS * 3_600_000,
  },
  schedule: {
    daily: environment.SNAPSHOTS_DAILY,
    monthly: environment.SNAPSHOTS_MONTHLY,
    zone: environment.SNAPSHOTS_ZONE,
  },
});
