import type { EventStore, Receipt } from '#platform/event-store/event-store.js';

interface Asked {
  commandId: string;
  resolve: (receipt: Receipt | undefined) => void;
  reject: (error: unknown) => void;
}

/** Looks receipts up for many commands in one call: a file that is sent again asks for thousands at once. */
export class ReceiptLookup {
  private asked: Asked[] = [];
  private underWay = false;

  constructor(private readonly store: Pick<EventStore, 'receipts'>) {}

  /** The receipt of a command, if it has one. */
  find(commandId: string): Promise<Receipt | undefined> {
    return new Promise((resolve, reject) => {
      this.asked.push({ commandId, resolve, reject });
      if (!this.underWay) {
        this.underWay = true;
        setImmediate(() => void this.look());
      }
    });
  }

  private async look(): Promise<void> {
    const asked = this.asked;
    this.asked = [];
    try {
      const receipts = await this.store.receipts(asked.map(({ commandId }) => commandId));
      for (const { commandId, resolve } of asked) resolve(receipts.get(commandId));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
    // What was asked meanwhile goes together in the next call.
    if (this.asked.length > 0) setImmediate(() => void this.look());
    else this.underWay = false;
  }
}
