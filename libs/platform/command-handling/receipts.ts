import type { EventStore, Receipt } from '#platform/event-store/event-store.js';
import { KeyReused } from '#platform/kernel/errors.js';
import type { CommandResult } from './command-gateway.js';
import type { CommandMessage } from './command-message.js';
import { GatheredLookup } from './gathered-calls.js';

/** What commands were answered with before, and the answers of those that decided no event. */
export class Receipts {
  private readonly lookup: GatheredLookup<Receipt>;

  constructor(private readonly store: Pick<EventStore, 'receipts' | 'keepReceipt' | 'head'>) {
    this.lookup = new GatheredLookup((commandIds) => store.receipts(commandIds));
  }

  /** The receipt of a command, if it has one. */
  find({ commandId }: CommandMessage): Promise<Receipt | undefined> {
    return this.lookup.find(commandId);
  }

  /** The answer to a command that decided no event; remembered where it has a key. @throws KeyReused */
  async answerWithoutEvents(message: CommandMessage, stream: string, revision: number): Promise<CommandResult> {
    const { position } = await this.store.head();
    const { id, commandId, fingerprint } = message;
    if (fingerprint) {
      const receipt: Receipt = { commandId, fingerprint, stream, revision, position, events: 0 };
      const first = (await this.find(message)) ?? (await this.store.keepReceipt(receipt));
      if (first !== receipt) return repeated(message, first);
    }
    return { id, stream, revision, position, events: 0, repeated: false };
  }
}

/** The answer to a repeat. @throws KeyReused where another command was meant */
export function repeated(message: CommandMessage, receipt: Receipt): CommandResult {
  const { id, commandId, fingerprint } = message;
  const same = fingerprint === null || (receipt.fingerprint !== null && receipt.fingerprint.equals(fingerprint));
  if (!same) throw new KeyReused(commandId);
  const { stream, revision, position, events } = receipt;
  return { id, stream, revision, position, events, repeated: true };
}
