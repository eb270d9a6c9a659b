import { z } from 'zod';
import { Instant } from '#platform/kernel/calendar.js';
import type { Role } from '#platform/kernel/command.js';
import { Id } from '#platform/kernel/ids.js';
import { Position } from '#platform/kernel/position.js';
import { SNAPSHOT_NAME } from '#platform/projections/snapshots/snapshot-name.js';
import { progressOf, type Snapshot } from '#platform/projections/snapshots/snapshot.js';

/** Who may look at snapshots: what they tell is no customer's. */
export const MAY_LOOK: readonly Role[] = ['analyst', 'auditor', 'privacy', 'admin'];
/** Who may have them made and dropped. */
export const MAY_MAKE: readonly Role[] = ['analyst', 'admin'];

export const MOST_LISTED = 100;

/** What is asked for by `POST /v1/snapshots`. */
export const SnapshotWanted = z
  .strictObject({
    name: z
      .string()
      .regex(SNAPSHOT_NAME, { error: 'is not a name: small letters, digits and - within, a letter first, at most 60' })
      .meta({ description: 'Under which it is found; it is then kept until it is dropped, or until `keepUntil`.' })
      .optional(),
    asOf: z
      .string()
      .min(1)
      .max(4_096)
      .meta({
        description: 'The point: a position, or an instant (when events were recorded). Without it, all there is now.',
        examples: ['2026-11-01T00:00:00Z'],
      })
      .optional(),
    projections: z
      .array(z.string().min(1).max(60))
      .max(100)
      .meta({ description: 'Names of read models; all of them without it.', examples: [[]] })
      .optional(),
    keepUntil: Instant.meta({
      description: 'Until then it is kept, read or not; one without a name and without this goes when nobody reads it.',
    }).optional(),
  })
  .meta({ id: 'SnapshotWanted' });

export const SnapshotAnswer = z
  .strictObject({
    id: Id,
    names: z.array(z.string()).meta({ examples: [['closing-2026-10']] }),
    status: z
      .enum(['waiting', 'building', 'ready', 'failed', 'cancelled', 'dropping'])
      .describe('`dropping`: whoever reads it reads to the end. What failed or was cancelled is shown for a day.'),
    through: Position.describe('Every event up to there is in it, and no later one.'),
    now: Instant.describe('What stands for now in questions as of its point.'),
    projections: z.array(z.strictObject({ name: z.string(), version: z.int().min(1) })),
    step: z.string().describe('What is done now, in words.'),
    progress: z.number().min(0).max(1).describe('How much of the log that is to be read has been.'),
    bytes: z.number().int().min(0).describe('What it takes up on disk.'),
    madeBy: z.string(),
    madeAt: Instant.describe('When it was asked for.'),
    endedAt: Instant.nullable().describe('When it was ready, failed or cancelled.'),
    lastUsedAt: Instant.describe('When it was read last, to within a minute.'),
    keptUntil: Instant.nullable(),
    reason: z.string().nullable().describe('Why it failed, was cancelled or is dropped.'),
  })
  .meta({ id: 'Snapshot', description: 'The read models as of a point, in tables of their own.' });

export const SnapshotPage = z
  .strictObject({
    data: z.array(SnapshotAnswer),
    next: z.string().optional().describe('The `cursor` of the next page, where there are more.'),
  })
  .meta({ id: 'SnapshotPage' });

/** A snapshot as it is answered. */
export const answerOf = (snapshot: Snapshot): z.infer<typeof SnapshotAnswer> => ({
  id: snapshot.id,
  names: [...snapshot.names],
  status: snapshot.status,
  through: String(snapshot.through),
  now: snapshot.now.toISOString(),
  projections: snapshot.parts.map(({ projection, version }) => ({ name: projection, version })),
  step: snapshot.step,
  progress: Math.round(progressOf(snapshot) * 1_000) / 1_000,
  bytes: snapshot.bytes,
  madeBy: snapshot.madeBy,
  madeAt: snapshot.madeAt.toISOString(),
  endedAt: snapshot.endedAt?.toISOString() ?? null,
  lastUsedAt: snapshot.lastUsedAt.toISOString(),
  keptUntil: snapshot.keptUntil?.toISOString() ?? null,
  // What nobody foresaw may repeat what is in events or in the code: it is in the log of whoever built it.
  reason: snapshot.failure === 'unforeseen' ? 'it could not be made; the log of the service says why' : snapshot.reason,
});
