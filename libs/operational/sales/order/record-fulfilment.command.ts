import { z } from 'zod';
import { orderFulfilmentRecorded } from '#contracts/sales/order.events.js';
import { Code, key } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { compare } from '#platform/kernel/money.js';
import { quantityOf, shifted } from '../amounts.js';
import { LineQuantityInput, linesOf, uniqueLines } from '../sales-input.js';
import { Order, aboutOrder, isComplete } from './order.aggregate.js';

export const recordFulfilment = command({
  name: 'RecordFulfilment',
  summary: 'Records a delivery of some or all of what is left of an order',
  on: Order,
  route: 'POST /v1/orders/:id/fulfilments',
  input: z.strictObject({
    lines: linesOf(LineQuantityInput),
    carrier: Code.optional(),
    tracking: key(100).optional(),
  }),
  decide: (order, { lines, carrier, tracking }) => {
    const { status, terms } = order;
    rule('order-is-confirmed', status === 'confirmed' || status === 'partially-fulfilled', `the order is ${status}`);
    uniqueLines(lines);
    const fulfilled = shifted(order.fulfilled, lines, 1);
    const ordered = new Map(terms.lines.map(({ line, quantity }) => [line, quantity]));
    for (const { line } of lines) {
      const quantity = ordered.get(line);
      const delivered = quantityOf(fulfilled, line);
      rule('line-in-order', quantity !== undefined, `the order has no line ${line}`);
      rule(
        'fulfilment-within-order',
        compare(delivered, quantity) <= 0,
        `line ${line}: ${delivered} would be delivered of ${quantity}`,
      );
    }
    const complete = isComplete(terms.lines, fulfilled);
    return orderFulfilmentRecorded({ ...aboutOrder(order), lines, complete, carrier, tracking });
  },
});
