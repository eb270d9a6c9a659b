import { z } from 'zod';
import { Instant } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';

// What the answers of all aggregates say in the same way.

/** When something happened, and who told it. */
export const told = {
  at: Instant.describe('When it happened'),
  by: z.string().describe('Who told it'),
};

/** The values of `told` for an event. */
export const toldBy = ({ occurredAt, meta: { actor } }: RecordedEvent): { at: string; by: string } => ({
  at: occurredAt.toISOString(),
  by: actor,
});

/** How many older entries of a list an answer leaves out. */
export const omittedEntries = z
  .record(z.string(), z.int().min(1))
  .optional()
  .describe('By list: how many older entries are left out here. All of them are in the events of the audit API');
