import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { CommandMessage } from '#platform/command-handling/command-gateway.js';
import { Instant } from '#platform/kernel/calendar.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { newId, type SecretIds } from '#platform/kernel/ids.js';
import { headerText } from './header-text.js';
import { InvalidRequest, type Place } from './problem.js';
import { canonicalJson } from './safe-json.js';
import { strict, validated } from './validation.js';

/** What a sender says of a command beside its input. */
export interface Envelope {
  /** Idempotency key. */
  key?: string;
  /** Place in a batch whose key the item shares. */
  place?: number;
  expectedRevision?: number;
  occurredAt?: Date;
  reason?: string;
  onBehalfOf?: string;
  correlationId?: string;
  causationId?: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ANY_CASE_UUID = new RegExp(UUID, 'i');
const REVISION = /^"(\d{1,9})"$/;

/** Makes the message for the bus out of what was sent; one for each command. */
export class CommandIntake {
  private readonly input: z.ZodObject<any>;
  private readonly takesId: boolean;

  /** @param ids what keys and inputs are told apart by: both may hold names, and what is made of them is kept for good */
  constructor(
    readonly definition: CommandDefinition,
    private readonly ids: SecretIds,
  ) {
    this.input = strict(definition.input, definition.name);
    this.takesId = definition.creates && 'id' in definition.input.shape;
  }

  /**
   * @param id of the aggregate, where the path (or the item of a batch) names it
   * @throws InvalidInput, InvalidRequest
   */
  message(body: unknown, id: string | undefined, envelope: Envelope, actor: string): CommandMessage {
    const { definition, ids } = this;
    if (id !== undefined && !UUID.test(id)) {
      throw new InvalidRequest('path', [{ pointer: '/id', message: 'is not a lower-case uuid' }]);
    }
    const input = validated(this.input, body);
    const given: string | undefined = id ?? (this.takesId ? input.id : undefined);
    if (this.takesId && input.id !== undefined && input.id !== given) {
      throw new InvalidInput([{ pointer: '/id', message: 'differs from the id that the command is sent to' }]);
    }
    const { key, place } = envelope;
    let commandId: string;
    let print: Buffer | null = null;
    if (key === undefined) commandId = newId();
    else {
      // A key is its actor's own, whatever it looks like: nobody meets, or is answered with, another's command.
      const own = ANY_CASE_UUID.test(key) ? key.toLowerCase() : key;
      commandId = place === undefined ? ids.id(actor, own) : ids.id(actor, own, String(place));
      const when = envelope.occurredAt?.toISOString() ?? '';
      print = ids.fingerprint(
        `${definition.name}\n${given ?? ''}\n${when}\n${envelope.onBehalfOf ?? ''}\n${canonicalJson(input)}`,
      );
    }
    return {
      definition,
      // A repeat of a keyed creation must meet the aggregate that the first made.
      id: given ?? (key === undefined ? newId() : ids.id(definition.on.name, commandId)),
      input,
      commandId,
      fingerprint: print,
      expectedRevision: envelope.expectedRevision,
      actor,
      onBehalfOf: envelope.onBehalfOf,
      reason: envelope.reason,
      correlationId: envelope.correlationId,
      causationId: envelope.causationId,
      occurredAt: envelope.occurredAt,
    };
  }
}

/** Reads the headers of a command. @throws InvalidRequest naming the header. */
export function envelopeOf(headers: IncomingHttpHeaders): Envelope {
  return {
    key: headerText(headers, 'idempotency-key', 'Idempotency-Key', 200),
    expectedRevision: revision(headers['if-match']),
    occurredAt: instantIn('header', '/Yad-Occurred-At', headers['yad-occurred-at']),
    reason: headerText(headers, 'yad-reason', 'Yad-Reason', 1000),
    onBehalfOf: headerText(headers, 'yad-on-behalf-of', 'Yad-On-Behalf-Of', 200),
    correlationId: headerText(headers, 'yad-correlation-id', 'Yad-Correlation-Id', 200),
    causationId: headerText(headers, 'yad-causation-id', 'Yad-Causation-Id', 200),
  };
}

/** An ISO 8601 instant with offset, as a Date. */
export function instantIn(place: Place, pointer: string, value: unknown): Date | undefined {
  if (value === undefined) return undefined;
  const parsed = Instant.safeParse(value);
  if (parsed.success) return new Date(parsed.data);
  throw new InvalidRequest(place, [
    { pointer, message: 'is not an ISO 8601 instant with an offset or Z, in the years 1000 to 9998' },
  ]);
}

function revision(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const match = REVISION.exec(value);
  if (match) return Number(match[1]);
  throw new InvalidRequest('header', [{ pointer: '/If-Match', message: 'is not a revision in quotes, such as "3"' }]);
}
