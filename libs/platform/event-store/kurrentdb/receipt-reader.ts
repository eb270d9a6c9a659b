import type { Receipt } from '../event-store.js';
import type { KurrentConnection } from './connection.js';
import { inParallel } from './in-parallel.js';
import type { LogIndex } from './index/log-index.js';
import type { Names } from './names.js';
import { keptReceiptOf } from './receipt-records.js';
import { positionOf } from './records.js';

/** Streams of receipts read at once. */
const AT_ONCE = 16;

/** What commands were answered with: from the index, and where it does not have it, from the command's own stream. */
export class ReceiptReader {
  constructor(
    private readonly connection: KurrentConnection,
    private readonly index: LogIndex,
    private readonly names: Names,
  ) {}

  async find(commandIds: readonly string[]): Promise<Map<string, Receipt>> {
    if (commandIds.length === 0) return new Map();
    const found = await this.index.receipts(commandIds);
    const left = [...new Set(commandIds)].filter((id) => !found.has(id));
    await inParallel(left, AT_ONCE, async (commandId) => {
      const receipt = await this.read(commandId);
      if (receipt) found.set(commandId, receipt);
    });
    return found;
  }

  private async read(commandId: string): Promise<Receipt | undefined> {
    for await (const raw of this.connection.readStream(this.names.command(commandId), { limit: 1 })) {
      const { last, position, ...receipt } = keptReceiptOf(commandId, raw);
      if (position !== undefined) return { ...receipt, position };
      const options = { fromRevision: last!.revision, limit: 1 };
      for await (const event of this.connection.readStream(this.names.stream(last!), options)) {
        return { ...receipt, position: positionOf(event) };
      }
      throw new Error(`the log has the receipt of ${commandId}, and not its last event`);
    }
    return undefined;
  }
}
