import { z } from 'zod';
import { Instant } from '#platform/kernel/calendar.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { orErased } from '#platform/kernel/erased.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { ClassifiedFields, EventContract } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { Position } from '#platform/kernel/position.js';
import { eventName } from '#platform/schemas/event-schemas.js';

/** What is shown of any event beside its data: the whole envelope. */
export const eventEnvelope = {
  position: Position,
  id: Id,
  aggregate: z.string(),
  aggregateId: Id,
  revision: z.int(),
  type: z.string(),
  schemaVersion: z.int().describe('In which it was written; its data are shown in the version of today.'),
  occurredAt: Instant,
  recordedAt: Instant,
  subject: Id,
  commandId: Id,
  actor: z.string(),
  onBehalfOf: z.string().optional(),
  reason: orErased(z.string()).optional(),
  correlationId: z.string().optional(),
  causationId: z.string().optional(),
};

/** An event of a type or version that this build does not know. */
const UnknownEvent = z
  .strictObject({
    ...eventEnvelope,
    known: z.literal(false),
    data: z.record(z.string(), z.unknown()).describe('The open fields, as they are stored.'),
  })
  .meta({
    id: 'UnknownEvent',
    description: 'Of a type or version that this build does not know, written by a newer one.',
  });

/** Any event of these contracts as an auditor sees it: its data are of its type, in the version of today. */
export function auditedEvent(events: readonly EventContract<any>[]): z.ZodType<AuditedEvent> {
  const known = events.map(({ type, fields }) =>
    z
      .strictObject({ ...eventEnvelope, type: z.literal(type), known: z.literal(true), data: dataOf(fields) })
      .meta({ id: `${eventName(type)}Event` }),
  );
  return z.union([...known, UnknownEvent]).meta({
    id: 'AuditedEvent',
    description: 'An event as it was recorded. `type` tells what its data are, where `known` is true.',
  }) as unknown as z.ZodType<AuditedEvent>;
}

/** What an answer shows of an event's data: a personal field may have been erased. */
const dataOf = (fields: ClassifiedFields): z.ZodType =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(fields).map(([name, { schema, retention }]) => [
        name,
        retention === null ? schema : orErased(schema),
      ]),
    ),
  );

export interface AuditedEvent extends Record<string, unknown> {
  position: string;
  type: string;
  known: boolean;
  data: unknown;
}

/** An event as auditors see it. Its subject must have been prepared. */
export function audited(codec: EventCodec, stored: StoredEvent): AuditedEvent {
  const decoded = codec.knows(stored.type, stored.schemaVersion) ? codec.decode(stored) : undefined;
  return {
    position: String(stored.position),
    id: stored.id,
    aggregate: stored.aggregate,
    aggregateId: stored.aggregateId,
    revision: stored.revision,
    type: stored.type,
    schemaVersion: stored.schemaVersion,
    occurredAt: stored.occurredAt.toISOString(),
    recordedAt: stored.recordedAt.toISOString(),
    subject: stored.subject,
    commandId: stored.commandId,
    ...(decoded ?? stored).meta,
    known: decoded !== undefined,
    data: decoded ? decoded.data : JSON.parse(stored.data),
  };
}
