import { eventsOf } from '#platform/kernel/command.js';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { RuleViolation } from '#platform/kernel/errors.js';
import { minus } from '#platform/kernel/money.js';
import { orderId } from '#test/fixtures/sales.fixture.js';
import { quantityOf } from './amounts.js';
import { held, outstanding, overpaid } from './order/order-account.js';
import { Order } from './order/order.aggregate.js';
import type { OrderState } from './order/order.aggregate.js';
import { orderCommands } from './order/index.js';
import { Return } from './return/return.aggregate.js';
import type { ReturnState } from './return/return.aggregate.js';
import { returnCommands } from './return/index.js';

const commands = new Map([...orderCommands, ...returnCommands].map((command) => [command.name, command]));
const returnIds = [1, 2].map((n) => `0198f3a0-0000-7000-8000-00000000e00${n}`);
const now = new Date('2026-01-15T12:00:00Z');

/** One order and two returns that race for its goods; ids are the streams. */
class SalesModel {
  readonly states = new Map<string, any>();
  readonly accepted = new Set<string>();
  /** Paid back for goods, and what they were worth, since the terms of the order are what they are. */
  refunds = { paid: 0n, worth: 0n };
  /** What had come back before these terms. */
  worthBefore = 0n;

  state<S>(on: Aggregate<S>, id: string): S {
    return this.states.get(id) ?? on.initial;
  }

  get order(): OrderState {
    return this.state(Order, orderId);
  }

  /** The input with `rest` (all that is left to deliver) and `some` (a part of a line) made lines of this order. */
  meant(input: object): Record<string, unknown> {
    const { terms, fulfilled } = this.order;
    const wanted = 'lines' in input ? input.lines : undefined;
    if (wanted === 'some') return { ...input, lines: [{ line: terms.lines[0]!.line, quantity: '0.5' }] };
    if (wanted !== 'rest') return { ...input };
    const left = terms.lines.map(({ line, quantity }) => ({
      line,
      quantity: minus(quantity, quantityOf(fulfilled, line)),
    }));
    const open = left.filter(({ quantity }) => quantity !== '0');
    // Nothing left: one more than was ordered, which must be refused.
    return { ...input, lines: open.length > 0 ? open : [{ line: terms.lines[0]!.line, quantity: '1' }] };
  }

  /** Decides and stores, as the pipeline does: all streams or none. A refusal names its rule. */
  run(name: string, raw: Record<string, unknown>, id: string): void {
    const command = commands.get(name)!;
    const input = command.input.parse(raw);
    const own = deepFreeze(this.state(command.on, id));
    const refs = this.refsOf(command, input, own);
    const before = JSON.stringify([...this.states]);
    let decided: ReturnType<typeof eventsOf>;
    try {
      decided = eventsOf(command.decide(own, input, { id, now, actor: 'property', refs }));
    } catch (error) {
      if (!(error instanceof RuleViolation)) throw error;
      expect(error.rule).toMatch(/^[a-z-]+$/);
      expect(JSON.stringify([...this.states])).toBe(before);
      return;
    }
    for (const item of decided) {
      const [event, on, stream] = 'at' in item ? [item.event, Order, orderId] : [item, command.on, id];
      event.contract.schema.parse(event.data);
      const stored = JSON.parse(JSON.stringify(event.data));
      this.states.set(
        stream,
        on.evolve(this.state(on, stream), { type: event.contract.type, data: stored, occurredAt: now }),
      );
      if (event.contract.type === 'crm.sales.return.refunded') {
        this.refunds.paid += micros(stored.net);
        this.refunds.worth += worthOf(stored.lines);
      }
      // Refunds are differences of what the order comes to: those before an amendment are of another order.
      if (event.contract.type === 'crm.sales.order.amended') {
        this.worthBefore += this.refunds.worth;
        this.refunds = { paid: 0n, worth: 0n };
      }
      // An amendment may go below what is invoiced; an invoice never goes above the net.
      if (event.contract.type === 'crm.sales.order.invoice-recorded') {
        expect(micros(stored.invoiced)).toBeLessThanOrEqual(micros(this.order.terms.net));
      }
    }
    this.accepted.add(name);
  }

  private refsOf(command: CommandDefinition, input: unknown, own: unknown): any {
    return Object.fromEntries(
      Object.entries(command.refs).map(([name, ref]) => {
        const id = ref.id(input, own);
        return [name, id && { id, state: deepFreeze(this.state(ref.aggregate, id)), revision: 0 }];
      }),
    );
  }
}

/** A decision that changed what it looks at would throw. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

/** Twelve digits after the point as an integer: another way of counting than the code under test has. */
function micros(text: string): bigint {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)!;
  return BigInt(`${sign}${whole}${fraction.padEnd(12, '0')}`);
}
const MICRO = 10n ** 12n;
const worthOf = (lines: readonly { quantity: string; unitPrice: string }[]): bigint =>
  lines.reduce((total, { quantity, unitPrice }) => total + (micros(quantity) * micros(unitPrice)) / MICRO, 0n);

/** To whole pence, half a penny away from zero. */
const PENNY = MICRO / 100n;
const rounded = (exact: bigint): bigint => (exact < 0n ? -rounded(-exact) : ((exact + PENNY / 2n) / PENNY) * PENNY);

function holds(model: SalesModel): void {
  const { terms, fulfilled, returned, status } = model.order;
  expect(micros(terms.net)).toBe(worthOf(terms.lines));
  expect(micros(outstanding(model.order))).toBeGreaterThanOrEqual(0n);
  expect(micros(overpaid(model.order))).toBeLessThanOrEqual(micros(held(model.order)));
  const ordered = new Map(terms.lines.map(({ line, quantity }) => [String(line), micros(quantity)]));
  for (const [line, quantity] of fulfilled) {
    expect(micros(quantity)).toBeLessThanOrEqual(ordered.get(line)!);
  }
  for (const [line, quantity] of returned) {
    expect(micros(quantity)).toBeGreaterThanOrEqual(0n);
    expect(micros(quantity)).toBeLessThanOrEqual(micros(quantityOf(fulfilled, Number(line))));
  }
  if (status === 'fulfilled' || status === 'completed') {
    for (const [line, quantity] of ordered) expect(micros(quantityOf(fulfilled, Number(line)))).toBe(quantity);
  }
  // No more goes back than the order comes to less: what stays is rounded, once (ADR 13).
  const { paid, worth } = model.refunds;
  const before = micros(terms.net) - model.worthBefore;
  expect(paid).toBeLessThanOrEqual(rounded(before) - rounded(before - worth));
  for (const id of returnIds) {
    const { terms: asked } = model.state<ReturnState>(Return, id);
    expect(micros(asked.value)).toBe(worthOf(asked.lines));
  }
}

const quantity = fc.constantFrom('1', '2', '3', '0.5', '1.250');
const price = fc.constantFrom('0.001', '2.55', '12.50', '100');
const line = fc.constantFrom(1, 2, 3);
const byLine = <T>(one: fc.Arbitrary<T & { line: number }>) =>
  fc.uniqueArray(one, { minLength: 1, maxLength: 3, selector: (item) => item.line });
const lines = byLine(fc.record({ line, sku: fc.constantFrom('A', 'B'), quantity, unitPrice: price }));
const quantities = byLine(fc.record({ line, quantity }));
const money = { amount: fc.constantFrom('0.5', '1', '12.5', '30', '250'), currency: fc.constant('GBP') };
const none = fc.constant({});

const orderSteps: Record<string, fc.Arbitrary<object>> = {
  ConfirmOrder: none,
  HoldOrder: fc.constant({ reason: 'check' }),
  ReleaseOrder: none,
  AmendOrder: fc.record({ lines }),
  RecordFulfilment: fc.oneof(fc.record({ lines: quantities }), fc.constant({ lines: 'rest' })),
  RecordInvoice: fc.record({ ...money, invoice: fc.constantFrom('I-1', 'I-2', 'I-3') }),
  RecordPayment: fc.record({ ...money, method: fc.constant('card'), allowOverpayment: fc.boolean() }),
  CompleteOrder: none,
  CancelOrder: fc.constant({ reason: 'changed-mind' }),
};
const returnSteps: Record<string, fc.Arbitrary<object>> = {
  RequestReturn: fc.record({ order: fc.constant(orderId), lines: fc.oneof(quantities, fc.constant('some')) }),
  AuthoriseReturn: none,
  DenyReturn: fc.constant({ reason: 'too-late' }),
  ReceiveReturn: fc.oneof({ weight: 2, arbitrary: none }, { weight: 1, arbitrary: fc.record({ lines: quantities }) }),
  InspectReturn: fc.oneof(
    none,
    fc.record({ lines: byLine(fc.record({ line, accepted: fc.constantFrom('0', '0.5', '1') })) }),
  ),
  RefundReturn: fc.constant({ currency: 'GBP' }),
  CloseReturn: none,
};
// More weight on the way forward, so that many runs come as far as a refund.
const sideways = ['CancelOrder', 'HoldOrder', 'AmendOrder', 'RecordInvoice', 'RecordPayment'];
const step = fc.oneof(
  ...Object.entries({ ...orderSteps, ...returnSteps }).map(([name, input]) => ({
    weight: sideways.includes(name) ? 5 : name === 'DenyReturn' ? 15 : name in returnSteps ? 60 : 15,
    arbitrary: fc.record({
      name: fc.constant(name),
      input,
      id: name in returnSteps ? fc.constantFrom(...returnIds) : fc.constant(orderId),
    }),
  })),
);

// Where the random steps begin: some runs are given the way to a delivery, so that they are about returns.
const beginning = fc.constantFrom(
  [],
  [{ name: 'ConfirmOrder', input: {}, id: orderId }],
  [
    { name: 'ConfirmOrder', input: {}, id: orderId },
    { name: 'RecordFulfilment', input: { lines: 'rest' }, id: orderId },
  ],
);

describe('orders and returns, whatever is sent', () => {
  it('never owe a negative amount, never break their sums, never take an item back twice', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(
        lines,
        beginning,
        fc.noBias(fc.array(step, { minLength: 60, maxLength: 120, size: 'max' })),
        (first, begun, steps) => {
          const model = new SalesModel();
          model.run('PlaceOrder', { lines: first, currency: 'GBP', zone: 'Europe/London' }, orderId);
          for (const { name, input, id } of [...begun, ...steps]) {
            model.run(name, model.meant(input), id);
            holds(model);
          }
          for (const name of model.accepted) reached.add(name);
        },
      ),
      { numRuns: 100 },
    );
    // The property says nothing of commands that were only ever refused.
    for (const name of [...Object.keys(orderSteps), ...Object.keys(returnSteps)]) expect(reached).toContain(name);
  });
  it('goods of half a tenth of a penny that come back are worth a penny where the rest of the order rounds down', () => {
    const model = new SalesModel();
    const [back] = returnIds as [string];
    const run = (name: string, input: object, id = orderId): void => {
      model.run(name, model.meant(input), id);
      holds(model);
      expect(model.accepted).toContain(name);
    };
    const bought = [
      { line: 1, sku: 'A', quantity: '3', unitPrice: '0.001' },
      { line: 2, sku: 'A', quantity: '1', unitPrice: '12.50' },
      { line: 3, sku: 'A', quantity: '2', unitPrice: '0.001' },
    ];
    run('PlaceOrder', { lines: bought, currency: 'GBP', zone: 'Europe/London' });
    run('ConfirmOrder', {});
    run('RecordFulfilment', { lines: 'rest' });
    run('RecordPayment', { amount: '0.5', currency: 'GBP', method: 'card' });
    expect(outstanding(model.order)).toBe('12.01');
    run('RequestReturn', { order: orderId, lines: 'some' }, back);
    for (const name of ['AuthoriseReturn', 'ReceiveReturn', 'InspectReturn']) run(name, {}, back);
    run('RefundReturn', { currency: 'GBP' }, back);
    expect(model.refunds).toEqual({ paid: PENNY, worth: MICRO / 2_000n });
    // It came to 12.51 and comes to 12.50 now; 0.49 of it is paid.
    expect(outstanding(model.order)).toBe('12.01');
  });
});
