import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { orderEvents, returnEvents } from '#contracts/sales/index.js';
import { registerContact } from '../contacts/contact/register-contact.command.js';
import { InMemoryCommandRunner } from '#test/fixtures/in-memory-command-runner.js';
import type { Step } from '#test/fixtures/in-memory-command-runner.js';
import { anyInput } from '../../../test/support/any-input.js';
import { salesCommands } from './index.js';
import { outstanding, overpaid } from './order/order-account.js';
import { Order } from './order/order.aggregate.js';
import type { OrderState } from './order/order.aggregate.js';

// Every command of the sales context, in any order, on a few orders and returns that share them; and beside it a
// ledger that is kept by other means, integers of 10⁻¹² of a unit, from what the events say alone.

const idsOf = (kind: string, many: number) =>
  Array.from({ length: many }, (_, n) => `0198f3a0-0000-7000-8000-00000000${kind}0${10 + n}`);
const ids: Record<string, readonly string[]> = { order: idsOf('d', 6), return: idsOf('e', 12) };
const customer = '0198f3a0-0000-7000-8000-00000000c001';

const MICRO = 10n ** 12n;
function micros(text: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(text)!;
  return BigInt(`${sign}${whole}${fraction.padEnd(12, '0')}`);
}
const worthOf = (lines: readonly { quantity: string; unitPrice: string }[]): bigint =>
  lines.reduce((total, { quantity, unitPrice }) => total + (micros(quantity) * micros(unitPrice)) / MICRO, 0n);

const unitOf: Record<string, bigint> = { GBP: MICRO / 100n, JPY: MICRO };
/** To the smallest unit of a currency, half a unit away from zero. */
function rounded(amount: bigint, currency: string): bigint {
  const unit = unitOf[currency]!;
  const size = amount < 0n ? -amount : amount;
  const whole = ((size + unit / 2n) / unit) * unit;
  return amount < 0n ? -whole : whole;
}
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** What has passed for one order: money in and out, money moved by exchanges, and the goods. */
interface Entry {
  currency: string;
  net: bigint;
  in: bigint;
  out: bigint;
  moved: bigint;
  back: bigint;
  kept: bigint;
  allowance: bigint;
  cancelled: boolean;
}

/** The ledger, from the events that say something of money. An event of none of the two lists fails the property. */
class Ledger {
  readonly orders = new Map<string, Entry>();

  private of(stream: string): Entry {
    const nothing = { net: 0n, in: 0n, out: 0n, moved: 0n, back: 0n, kept: 0n, allowance: 0n };
    const entry = this.orders.get(stream) ?? { currency: '', ...nothing, cancelled: false };
    this.orders.set(stream, entry);
    return entry;
  }

  /** What one command did, and what it came of. */
  take(steps: readonly Step[]): void {
    for (const step of steps) {
      const book = books[step.type];
      if (book) book(step.data, (id) => this.of(`order-${id}`), step.stream.slice(step.stream.indexOf('-') + 1));
      else expect(noMoney).toContain(step.type);
    }
  }
}

type Of = (order: string) => Entry;
const terms = ({ lines, currency }: any, of: Of, id: string): void => {
  Object.assign(of(id), { net: worthOf(lines), currency });
};
// Value of the goods that a return brings back, and what of it became money: the return's own words.
const goodsBack = ({ lines, order }: any, of: Of): { entry: Entry; credit: bigint } => {
  const entry = of(order);
  const before = rounded(entry.net - entry.back, entry.currency);
  entry.back += most(0n, worthOf(lines));
  return { entry, credit: before - rounded(entry.net - entry.back, entry.currency) };
};
const books: Record<string, (data: any, of: Of, id: string) => void> = {
  'crm.sales.order.drafted': terms,
  'crm.sales.order.placed': terms,
  'crm.sales.order.amended': terms,
  'crm.sales.order.payment-recorded': ({ amount }, of, id) => void (of(id).in += micros(amount)),
  'crm.sales.order.payment-refunded': ({ amount }, of, id) => void (of(id).out += micros(amount)),
  'crm.sales.order.cancelled': ({ movedBack = '0' }, of, id) => {
    of(id).cancelled = true;
    of(id).moved -= micros(movedBack);
  },
  'crm.sales.return.refunded': (data, of) => {
    // A credit note of another system, which names no order here: that system's money.
    if (data.order === undefined) return;
    const { entry, credit } = goodsBack(data, of);
    entry.out += micros(data.net);
    entry.kept += credit - micros(data.net) - micros(data.credited);
    expect([micros(data.net) >= 0n, micros(data.credited) >= 0n]).toEqual([true, true]);
  },
  'crm.sales.return.exchanged': (data, of) => {
    if (data.order !== undefined) goodsBack(data, of);
  },
  'crm.sales.return.exchange-undone': ({ order, value }, of) => {
    if (order !== undefined) of(order).back -= micros(value);
  },
  'crm.sales.order.return-settled': ({ moved }, of, id) => void (of(id).moved -= micros(moved)),
  'crm.sales.order.return-reopened': ({ moved }, of, id) => void (of(id).moved += micros(moved)),
  'crm.sales.order.replacement-assigned': ({ moved, allowance }, of, id) => {
    of(id).moved += micros(moved);
    of(id).allowance += micros(allowance);
  },
};
const noMoney = [
  ...['confirmed', 'held', 'released', 'fulfilment-recorded', 'invoice-recorded', 'completed', 'attached', 'detached'],
  ...['return-opened', 'return-released'],
]
  .map((name) => `crm.sales.order.${name}`)
  .concat(
    ['requested', 'authorised', 'denied', 'received', 'inspected', 'closed'].map((name) => `crm.sales.return.${name}`),
  );

const pounds = fc.oneof({ weight: 30, arbitrary: fc.constant('GBP') }, { weight: 1, arbitrary: fc.constant('JPY') });
const byName = {
  order: fc.constantFrom(...ids['order']!),
  replacement: fc.constantFrom(...ids['order']!),
  contact: fc.constant(customer),
  currency: pounds,
  zone: fc.constant('Europe/London'),
  line: fc.constantFrom(1, 2),
  sku: fc.constant('A'),
  quantity: fc.constantFrom('1', '1', '1', '1', '2', '0.50'),
  accepted: fc.constantFrom('0', '1', '2', '0.5'),
  unitPrice: fc.constantFrom('100', '60.00', '0.333333', '2.555', '-20', '0.005', '0'),
  amount: fc.constantFrom('0.01', '0.5', '1.00', '20', '33.33', '60', '100', '180', '0.005'),
  paid: fc.constantFrom('20', '100'),
  allowOverpayment: fc.boolean(),
  draft: fc.constantFrom(true, false, false),
};

/** A command with two inputs, to be sent to the first of its aggregates, from one on, that takes one of them. */
const attempt = fc.oneof(
  ...salesCommands.map((command) =>
    fc.record({
      name: fc.constant(command.name),
      on: fc.constant(command.on.name),
      from: fc.nat(11),
      inputs: fc.array(anyInput(command, byName, ['order', 'line']), { minLength: 2, maxLength: 2 }),
    }),
  ),
);
/** Of a few commands, the one that was taken most seldom so far and is taken now: so the long ways are gone too. */
const step = fc.array(attempt, { minLength: 5, maxLength: 5 });
/** Where the steps begin: with a few sales, paid in part, whose goods are back already, in most runs. */
const begun = fc.array(
  fc.record({
    order: fc.constantFrom(...ids['order']!),
    back: fc.constantFrom(...ids['return']!),
    unitPrice: byName.unitPrice,
    off: fc.constantFrom('-20', '-0.333333'),
    paid: byName.amount,
  }),
  { maxLength: 6, size: 'max' },
);
type Attempt = typeof attempt extends fc.Arbitrary<infer A> ? A : never;

const definitions = [...salesCommands, registerContact];
const schemas = new Map(salesCommands.map(({ name, input }) => [name, input]));

class Shop {
  readonly runner = new InMemoryCommandRunner(definitions);
  readonly ledger = new Ledger();

  constructor() {
    this.runner.run('RegisterContact', customer, { name: { full: 'Ada' } });
  }

  send(name: string, id: string, input: Record<string, unknown>): boolean {
    const known = this.runner.steps.length;
    if (typeof this.runner.run(name, id, input) === 'string') return false;
    this.ledger.take(this.runner.steps.slice(known));
    return true;
  }

  readonly counts = new Map<string, number>();
  taken(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  attempt({ name, on, from, inputs }: Attempt): boolean {
    const sound = inputs.filter((input) => schemas.get(name)!.safeParse(input).success);
    const all = ids[on]!;
    const targets = all.map((_id, index) => all[(index + from) % all.length]!);
    if (!targets.some((id) => sound.some((input) => this.send(name, id, input)))) return false;
    this.counts.set(name, this.taken(name) + 1);
    return true;
  }

  /** What is refused here, as the order or return is begun already, is only not done. */
  begin(order: string, back: string, { unitPrice, off, paid }: { unitPrice: string; off: string; paid: string }): void {
    const goods = { sku: 'A', quantity: '2', unitPrice };
    const lines = [goods, { ...goods, line: 2, quantity: '1', unitPrice: off }];
    this.send('RecordSale', order, { currency: 'GBP', zone: 'Europe/London', lines });
    this.send('RecordPayment', order, { amount: paid, currency: 'GBP', method: 'card', allowOverpayment: true });
    this.send('RequestReturn', back, { order, lines: [{ line: 1, quantity: '1' }] });
    for (const next of ['AuthoriseReturn', 'ReceiveReturn', 'InspectReturn']) this.send(next, back, {});
    this.holds();
  }

  order(id: string): OrderState {
    return this.runner.state(Order, id);
  }

  /** No more went out than came in, of any order and in any currency; each order stands as the ledger says. */
  holds(): void {
    const balance: Record<string, bigint> = {};
    for (const [stream, entry] of this.ledger.orders) {
      const { currency, net, back, kept, allowance } = entry;
      balance[currency] = (balance[currency] ?? 0n) + entry.in - entry.out;
      const held = entry.in + entry.moved - entry.out;
      expect(held).toBeGreaterThanOrEqual(0n);
      const due = entry.cancelled ? 0n : rounded(net - back, currency) + kept - allowance;
      const order = this.order(stream.slice('order-'.length));
      expect(micros(outstanding(order))).toBe(most(0n, due - held));
      expect(micros(overpaid(order))).toBe(most(0n, held - most(0n, due)));
    }
    for (const currency of Object.keys(balance)) expect(balance[currency]).toBeGreaterThanOrEqual(0n);
  }

  /** Pays what is due of an order and pays back what is overpaid: both come to exactly nothing. */
  settle(id: string): void {
    const { status, terms: agreed } = this.order(id);
    const { currency } = agreed;
    const due = outstanding(this.order(id));
    if (due !== '0' && status !== 'draft') {
      expect(this.send('RecordPayment', id, { amount: due, currency, method: 'card' })).toBe(true);
      expect([outstanding(this.order(id)), overpaid(this.order(id))]).toEqual(['0', '0']);
    }
    if (overpaid(this.order(id)) !== '0') {
      expect(this.send('RefundPayment', id, { currency })).toBe(true);
      expect(overpaid(this.order(id))).toBe('0');
    }
    expect(this.send('RefundPayment', id, { currency })).toBe(false);
  }
}

describe('money, whatever is sent', () => {
  const reached = new Map<string, number>();
  const settled = { due: 0, over: 0 };
  beforeAll(() => reached.clear());

  it('never goes out that did not come in, and what is due can be settled to the last unit', () => {
    fc.assert(
      fc.property(begun, fc.noBias(fc.array(step, { minLength: 50, maxLength: 50, size: 'max' })), (first, steps) => {
        const shop = new Shop();
        for (const { order, back, ...what } of first) shop.begin(order, back, what);
        for (const attempts of steps) {
          if (!attempts.toSorted((a, b) => shop.taken(a.name) - shop.taken(b.name)).some((one) => shop.attempt(one)))
            continue;
          shop.holds();
        }
        for (const [name, n] of shop.counts) reached.set(name, (reached.get(name) ?? 0) + n);
        for (const id of ids['order']!) {
          if (shop.order(id).status === 'none') continue;
          if (outstanding(shop.order(id)) !== '0') settled.due++;
          if (overpaid(shop.order(id)) !== '0') settled.over++;
          shop.settle(id);
          shop.holds();
        }
      }),
      { numRuns: 80, interruptAfterTimeLimit: 120_000 },
    );
  });

  it('was tried with every command of the registry', () => {
    // The property says nothing of commands that were only ever refused.
    expect(salesCommands.map(({ name }) => name).filter((name) => !reached.has(name))).toEqual([]);
    expect(Math.min(settled.due, settled.over)).toBeGreaterThan(3);
  });

  it('is told of by every event: each is in the ledger, or is said to move none', () => {
    const said = [...Object.keys(books), ...noMoney];
    expect(
      Object.values({ ...orderEvents, ...returnEvents })
        .map(({ type }) => type)
        .toSorted(),
    ).toEqual(said.toSorted());
  });
});
