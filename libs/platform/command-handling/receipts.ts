import type { EventStore, Receipt } from '#platform/event-store/event-store.js';
import { streamName } from '#platform/kernel/envelope.js';
import { KeyReused } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { CachedAggregate } from './aggregate-cache.js';
import type { CommandResult } from './command-gateway.js';
import type { CommandMessage } from './command-message.js';
import { GatheredLookup } from './gathered-calls.js';

/** What commands were answered with before, and the answers of those that decided no event. */
export class Receipts {
  private readonly lookup: GatheredLookup<string, Receipt>;

  constructor(
    private readonly store: Pick<EventStore, 'receipts' | 'keepReceipt' | 'head'>,
    private readonly codec: EventCodec,
  ) {
    this.lookup = new GatheredLookup((commandIds) => store.receipts(commandIds));
  }

  /** The receipt of a command, if it has one. */
  find({ commandId }: CommandMessage): Promise<Receipt | undefined> {
    return this.lookup.find(commandId);
  }

  /** The answer to a command that decided no event; remembered where it has a key. @throws KeyReused */
  async answerWithoutEvents(message: CommandMessage, own: CachedAggregate): Promise<CommandResult> {
    const { aggregate, aggregateId, revision } = own;
    const { position } = await this.store.head();
    const { id, commandId, fingerprint } = message;
    if (fingerprint) {
      const subject = own.subject ?? id;
      await this.codec.prepare([subject]);
      const kept = this.codec.fingerprint(subject, fingerprint) ?? null;
      const about = { commandId, fingerprint: kept, subject };
      const receipt: Receipt = { ...about, aggregate, aggregateId, revision, position, events: 0 };
      const first = (await this.find(message)) ?? (await this.store.keepReceipt(receipt));
      if (first !== receipt) return this.repeated(message, first);
    }
    return { id, stream: streamName(own), revision, position, events: 0, repeated: false };
  }

  /** The answer to a repeat. @throws KeyReused where another command was meant */
  async repeated({ id, commandId, fingerprint }: CommandMessage, receipt: Receipt): Promise<CommandResult> {
    if (fingerprint !== null && !(await this.isOf(receipt, fingerprint))) throw new KeyReused(commandId);
    const { revision, position, events } = receipt;
    return { id, stream: streamName(receipt), revision, position, events, repeated: true };
  }

  /** Whether a receipt is of this body. Where its subject's key is gone nobody can tell, and it is taken for it. */
  private async isOf({ subject, fingerprint }: Receipt, digest: Buffer): Promise<boolean> {
    await this.codec.prepare([subject]);
    const expected = this.codec.fingerprint(subject, digest);
    return expected === undefined || (fingerprint !== null && expected.equals(fingerprint));
  }
}
