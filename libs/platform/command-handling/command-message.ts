import type { z } from 'zod';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { canonicalJson } from '#platform/kernel/canonical-json.js';
import { InvalidInput, type InputIssue } from '#platform/kernel/errors.js';
import { isId, newId, type SecretIds } from '#platform/kernel/ids.js';
import { isVisible } from '#platform/kernel/text.js';
import { isStorable } from '#platform/kernel/unsafe-input.js';
import { strict, validated } from '#platform/kernel/validation.js';

/** A command on its way to the gateway: validated input, who sent it, and what tells it from others. */
export interface CommandMessage {
  readonly definition: CommandDefinition;
  /** Id of the aggregate decided on. */
  readonly id: string;
  /** Parsed by the definition's schema. */
  readonly input: any;
  /** From actor and key, or new. */
  readonly commandId: string;
  /** Of command, id and input; null when the sender gave no key. */
  readonly fingerprint: Buffer | null;
  /** The revision that the aggregate must have. */
  readonly expectedRevision?: number;
  readonly actor: string;
  readonly onBehalfOf?: string;
  readonly reason?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  /** The trace that it is recorded in. */
  readonly traceparent?: string;
  /** Business time; the clock's when absent. */
  readonly occurredAt?: Date;
}

/** What a sender says of a command beside its input. */
export interface CommandEnvelope {
  /** Idempotency key: the same command under the same key is stored once. A policy derives it from its event. */
  key?: string;
  /** Place in a batch whose key the command shares. */
  place?: number;
  expectedRevision?: number;
  occurredAt?: Date;
  reason?: string;
  onBehalfOf?: string;
  correlationId?: string;
  causationId?: string;
  /** The trace that it is recorded in; said by the shell, and by no sender. */
  traceparent?: string;
}

/** Characters that the texts of an envelope have at most. */
export const ENVELOPE_TEXTS = {
  key: 200,
  reason: 1000,
  onBehalfOf: 200,
  correlationId: 200,
  causationId: 200,
} as const;
/** Characters of an actor's name at most. */
export const MOST_ACTOR = 200;

const TEXTS = Object.entries(ENVELOPE_TEXTS) as [keyof typeof ENVELOPE_TEXTS, number][];

/** What is wrong with a text that is kept with a command's events: it has 1 to `most` characters, and one to be seen. */
export function envelopeTextIssue(text: string, most: number): string | undefined {
  if (text.length === 0 || text.length > most) return `must have 1 to ${most} characters`;
  if (!isStorable(text)) return 'holds a character that cannot be stored';
  return isVisible(text) ? undefined : 'needs a visible character';
}

/**
 * Makes the messages of one command, for whoever sends it: HTTP, a policy, a timer, an import. What is made of the same
 * words is the same message, so that it is stored once, whichever way it comes.
 */
export class CommandMessages {
  private readonly input: z.ZodObject<any>;
  private readonly takesId: boolean;

  /**
   * @param ids what keys and inputs are told apart by: both may hold names, and what is made of them is kept for good
   * @throws Error when an object in the input's schema admits unknown fields
   */
  constructor(
    readonly definition: CommandDefinition,
    private readonly ids: SecretIds,
  ) {
    this.input = strict(definition.input, definition.name);
    this.takesId = definition.creates && 'id' in definition.input.shape;
  }

  /**
   * @param input as it was sent, not yet parsed
   * @param id of the aggregate; undefined for a command that creates one, whose input may name it
   * @throws InvalidInput whose pointers start in the input; those of the envelope at its field, that of the id at `/id`
   */
  message(input: unknown, id: string | undefined, envelope: CommandEnvelope, actor: string): CommandMessage {
    const { definition, takesId } = this;
    assertSendable(definition, id, envelope, actor);
    const parsed = validated(this.input, input);
    const given: string | undefined = id ?? (takesId ? parsed.id : undefined);
    if (takesId && parsed.id !== undefined && parsed.id !== given) {
      throw new InvalidInput([{ pointer: '/id', message: 'differs from the id that the command is sent to' }]);
    }
    const { key, expectedRevision, onBehalfOf, reason, correlationId, causationId, traceparent, occurredAt } = envelope;
    const commandId = key === undefined ? newId() : commandIdOf(this.ids, actor, key, envelope.place);
    return {
      definition,
      // A repeat of a keyed creation must meet the aggregate that the first made.
      id: given ?? (key === undefined ? newId() : this.ids.id(definition.on.name, commandId)),
      input: parsed,
      commandId,
      fingerprint: key === undefined ? null : this.fingerprint(given, envelope, parsed),
      expectedRevision,
      actor,
      onBehalfOf,
      reason,
      correlationId,
      causationId,
      traceparent,
      occurredAt,
    };
  }

  private fingerprint(id: string | undefined, { occurredAt, onBehalfOf }: CommandEnvelope, input: unknown): Buffer {
    const when = occurredAt?.toISOString() ?? '';
    return this.ids.fingerprint(
      `${this.definition.name}\n${id ?? ''}\n${when}\n${onBehalfOf ?? ''}\n${canonicalJson(input)}`,
    );
  }
}

/**
 * The id of a command under an idempotency key. A key is its actor's own, whatever it looks like: nobody meets, or is
 * answered with, another's command.
 */
export function commandIdOf(ids: SecretIds, actor: string, key: string, place?: number): string {
  const lower = key.toLowerCase();
  const own = isId(lower) ? lower : key;
  return place === undefined ? ids.id(actor, own) : ids.id(actor, own, String(place));
}

/** @throws InvalidInput that names what is wrong beside the input */
function assertSendable(
  { name, creates }: CommandDefinition,
  id: string | undefined,
  envelope: CommandEnvelope,
  actor: string,
): void {
  let issues: InputIssue[] | undefined;
  const add = (pointer: string, message: string | undefined): void => {
    if (message !== undefined) (issues ??= []).push({ pointer, message });
  };
  if (id === undefined) add('/id', creates ? undefined : `is needed by ${name}`);
  else if (!isId(id)) add('/id', 'is not a lower-case uuid');
  add('/actor', envelopeTextIssue(actor, MOST_ACTOR));
  for (const [field, most] of TEXTS) {
    const text = envelope[field];
    if (text !== undefined) add(`/${field}`, envelopeTextIssue(text, most));
  }
  const { expectedRevision, occurredAt } = envelope;
  if (expectedRevision !== undefined && !(Number.isSafeInteger(expectedRevision) && expectedRevision >= 0)) {
    add('/expectedRevision', 'is not a revision: a whole number from 0 on');
  }
  if (occurredAt && Number.isNaN(occurredAt.getTime())) add('/occurredAt', 'is not an instant');
  if (issues) throw new InvalidInput(issues, `${name} cannot be sent like this`);
}
