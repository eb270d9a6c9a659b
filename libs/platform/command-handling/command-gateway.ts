import type { CommandMessage } from './command-message.js';

/** The answer to a command: where its events are. The same again for a repeat. */
export interface CommandResult {
  readonly id: string;
  /** `<aggregate>-<id>`. */
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
