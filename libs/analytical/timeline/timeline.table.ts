import { z } from 'zod';
import { bigint, instant, json, text, uuid } from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';

// By far the most rows, so as narrow as can be.
export const TimelineEntry = table('timeline', {
  about: 'One row for each event, under the subject that it happened to',
  columns: {
    // In the key, though the position would do, so that the one index gives a subject's entries in order of time.
    occurred_at: instant().key(),
    position: bigint().key().describe('Position in the log: `GET /v1/audit/events/:position` has the whole event'),
    type: text(),
    aggregate: text(),
    aggregate_id: uuid(),
    // A few open fields of the event, never a personal one.
    summary: json(z.record(z.string(), z.unknown())),
  },
});
export type TimelineEntry = RowOf<typeof TimelineEntry>;
