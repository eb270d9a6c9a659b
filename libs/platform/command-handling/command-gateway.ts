import type { CommandDefinition } from '#platform/kernel/command.js';

/** A command on its way: validated input and who sent it. */
export interface CommandMessage {
  readonly definition: CommandDefinition;
  /** Id of the aggregate decided on. */
  readonly id: string;
  /** Parsed by the definition's schema. */
  readonly input: any;
  /** From the Idempotency-Key, or new. */
  readonly commandId: string;
  /** Of command, id and body; null when the sender gave no key. */
  readonly fingerprint: Buffer | null;
  /** From If-Match: the revision the aggregate must have. */
  readonly expectedRevision?: number;
  readonly actor: string;
  readonly onBehalfOf?: string;
  readonly reason?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  /** Business time; the clock's when absent. */
  readonly occurredAt?: Date;
}

/** The answer to a command: where its events are. The same again for a repeat. */
export interface CommandResult {
  readonly id: string;
  readonly stream: string;
  /** Revision of the aggregate after the command. */
  readonly revision: number;
  /** Position of its last event; for a command that changed nothing, of the head. */
  readonly position: bigint;
  /** How many events it stored. */
  readonly events: number;
  /** True when this command was answered before and nothing was stored now. */
  readonly repeated: boolean;
}

/**
 * Runs commands: load, decide, append. Rejects with a YadError (InvalidInput, RuleViolation, NotFound,
 * StaleRevision, KeyReused, TooContended, Overloaded).
 */
export interface CommandGateway {
  execute(message: CommandMessage): Promise<CommandResult>;
}
