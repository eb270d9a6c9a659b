import { z } from 'zod';
import { orderAmended } from '#contracts/sales/order.events.js';
import type { OrderStage } from '#contracts/sales/order.events.js';
import { DeliveryAddress, Note, Salesperson } from '#contracts/terms.js';
import type { OrderLine } from '#contracts/sales/order-line.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { compare } from '#platform/kernel/money.js';
import { quantityOf, totals } from '../amounts.js';
import { OrderLineInput, linesOf, numbered } from '../sales-input.js';
import { standing } from './order-account.js';
import { Order, aboutOrder, isComplete } from './order.aggregate.js';
import type { OrderState } from './order.aggregate.js';

const AMENDABLE = ['draft', 'placed', 'confirmed', 'partially-fulfilled'];

export const amendOrder = command({
  name: 'AmendOrder',
  summary:
    'Changes the lines, the salesperson, the address or the note of an order; lines are given in full. Goods that do ' +
    'not come may leave a prepaid or invoiced order too: what is paid above the new net can be paid back then',
  on: Order,
  route: 'POST /v1/orders/:id/amend',
  input: z.strictObject({
    lines: linesOf(OrderLineInput).optional(),
    salesperson: Salesperson.optional(),
    deliveryAddress: DeliveryAddress.optional(),
    note: Note.optional(),
  }),
  decide: (order, input) => {
    rule('order-can-be-amended', AMENDABLE.includes(order.status), `the order is ${order.status}`);
    rule(
      'amendment-changes-something',
      Object.values(input).some((value) => value !== undefined),
    );
    const lines = input.lines ? numbered(input.lines) : order.terms.lines;
    keepsWhatWasDelivered(order, lines);
    const net = totals(lines).net;
    rule('net-not-negative', compare(net, '0') >= 0, `the lines sum to ${net}`);
    return orderAmended({
      ...aboutOrder(order),
      stage: stageAfter(order, lines),
      lines,
      net,
      previousNet: order.terms.net,
      ...standing({ ...order, terms: { ...order.terms, net } }),
      salesperson: input.salesperson ?? order.terms.salesperson,
      deliveryAddress: input.deliveryAddress ?? order.terms.deliveryAddress,
      note: input.note ?? order.terms.note,
    });
  },
});

function keepsWhatWasDelivered(order: OrderState, lines: readonly OrderLine[]): void {
  const next = new Map(lines.map((line) => [line.line, line]));
  for (const { line, sku, unitPrice } of order.terms.lines) {
    const delivered = quantityOf(order.fulfilled, line);
    if (compare(delivered, '0') === 0) continue;
    const kept = next.get(line);
    rule(
      'fulfilled-quantities-kept',
      kept?.sku === sku && compare(kept.unitPrice, unitPrice) === 0 && compare(kept.quantity, delivered) >= 0,
      `${delivered} of line ${line} (${sku}) are delivered already, at ${unitPrice} each`,
    );
  }
}

/** An amendment down to what was delivered leaves nothing to deliver. */
function stageAfter({ stage, fulfilled }: OrderState, lines: readonly OrderLine[]): OrderStage {
  return stage === 'partially-fulfilled' && isComplete(lines, fulfilled) ? 'fulfilled' : stage;
}
