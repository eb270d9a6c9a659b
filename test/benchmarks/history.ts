import { commands } from '#operational/index.js';
import type { CommandGateway, CommandResult } from '#platform/command-handling/command-gateway.js';
import { newId } from '#platform/kernel/ids.js';

const byName = new Map(commands.map((definition) => [definition.name, definition]));
const DAY_MS = 86_400_000;

/** The same numbers at each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Writes a shop's past through the real commands until the log holds about so many events: customers who order 1 to
 * 20 lines some times over two years, pay, are delivered, send a part back, and open cases.
 */
export async function writeHistory(gateway: CommandGateway, events: number): Promise<void> {
  let stored = 0;
  let customers = 0;
  const worker = async (): Promise<void> => {
    while (stored < events) {
      const past = new CustomerHistory(gateway, numbers(++customers), customers);
      await past.live();
      stored += past.events;
    }
  };
  await Promise.all(Array.from({ length: 192 }, worker));
}

/** Writes customers whose past has at least so many events each. Resolves to their ids. */
export async function writeCustomers(gateway: CommandGateway, count: number, events: number): Promise<string[]> {
  const ids: string[] = [];
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < count) {
      const past = new CustomerHistory(gateway, numbers(++begun), begun);
      await past.live(events);
      ids.push(past.contact);
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  return ids;
}

/** One customer's past. */
class CustomerHistory {
  events = 0;
  private time: number;
  readonly contact = newId();

  constructor(
    private readonly gateway: CommandGateway,
    private readonly below: (bound: number) => number,
    private readonly number: number,
  ) {
    this.time = Date.UTC(2024, 0, 1) + below(365) * DAY_MS + below(DAY_MS);
  }

  /** @param atLeast goes on until there are so many events */
  async live(atLeast = 0): Promise<void> {
    const { contact: id, number, below } = this;
    await this.send('RegisterContact', id, {
      id,
      name: { given: 'Ann', family: `Customer ${number}` },
      points: [{ reach: { kind: 'email', address: `customer${number}@example.org` } }],
    });
    await this.send('TagContact', id, { tags: [`segment-${below(9)}`] });
    for (let left = 1 + below(6); left > 0; left--) await this.order();
    if (below(100) < 25) await this.case();
    while (this.events < atLeast) {
      await this.order();
      if (below(100) < 25) await this.case();
    }
  }

  private async order(): Promise<void> {
    const { below, contact } = this;
    const id = newId();
    const lines = Array.from({ length: 1 + below(20) }, (_, index) => ({
      line: index + 1,
      sku: `SKU-${below(4000)}`,
      description: 'WHITE HANGING HEART T-LIGHT HOLDER',
      quantity: String(1 + below(12)),
      unitPrice: `${1 + below(20)}.${10 + below(90)}`,
    }));
    const terms = { id, contact, currency: 'GBP', zone: 'Europe/London', channel: 'web', lines };
    if (below(2) === 0) {
      await this.send('RecordSale', id, terms);
      return;
    }
    await this.send('PlaceOrder', id, terms);
    await this.send('ConfirmOrder', id, {});
    await this.send('RecordPayment', id, { amount: '1', currency: 'GBP', method: 'card' });
    const delivered = lines.map(({ line, quantity }) => ({ line, quantity }));
    await this.send('RecordFulfilment', id, { lines: delivered, carrier: 'royal-mail' });
    if (below(100) < 15) await this.sendBack(id, lines[0]!);
  }

  private async sendBack(order: string, { line, quantity }: { line: number; quantity: string }): Promise<void> {
    const id = newId();
    await this.send('RequestReturn', id, { id, order, lines: [{ line, quantity, reason: 'damaged' }] });
    await this.send('AuthoriseReturn', id, {});
    await this.send('ReceiveReturn', id, {});
    await this.send('InspectReturn', id, {});
    await this.send('RefundReturn', id, { currency: 'GBP', method: 'card' });
    await this.send('CloseReturn', id, {});
  }

  private async case(): Promise<void> {
    const id = newId();
    const { contact } = this;
    await this.send('OpenCase', id, { id, contact, kind: 'question', channel: 'email', title: 'Where is my order?' });
    await this.send('AssignCase', id, { assignee: 'agent-7' });
    await this.send('ReplyToCustomer', id, { text: 'It left our house this morning.' });
    await this.send('ResolveCase', id, { resolution: 'answered' });
    await this.send('CloseCase', id, {});
  }

  private async send(name: string, id: string, input: object): Promise<CommandResult> {
    const definition = byName.get(name)!;
    this.time += this.below(3 * DAY_MS);
    const result = await this.gateway.execute({
      definition,
      id,
      input: definition.input.parse(input),
      commandId: newId(),
      fingerprint: null,
      actor: 'bench',
      occurredAt: new Date(this.time),
    });
    this.events += result.events;
    return result;
  }
}
