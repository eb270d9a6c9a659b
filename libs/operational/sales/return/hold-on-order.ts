import { orderReturnReleased } from '#contracts/sales/order.events.js';
import type { LineQuantity } from '#contracts/sales/order-line.js';
import { at, reference } from '#platform/kernel/command.js';
import type { EventAt } from '#platform/kernel/command.js';
import { compare, minus } from '#platform/kernel/money.js';
import type { LineQuantities } from '../amounts.js';
import { Order } from '../order/order.aggregate.js';
import type { ReturnState } from './return.aggregate.js';

/** The order that a return is of, as its stream fixed it. */
export const itsOrder = reference(Order, (_input: unknown, back: ReturnState) => back.terms.order);

/**
 * Gives back to the order what the return asked for (`from`) and does not take (`taken`), so that another
 * return may. Nothing when the return has no order or takes it all.
 */
export function releaseToOrder(
  { id, terms }: { id: string; terms: ReturnState['terms'] },
  from: readonly LineQuantity[],
  taken: LineQuantities,
): EventAt[] {
  if (terms.order === undefined) return [];
  const lines = from
    .map(({ line, quantity }) => ({ line, quantity: minus(quantity, taken[line] ?? '0') }))
    .filter(({ quantity }) => compare(quantity, '0') > 0);
  return lines.length === 0 ? [] : [at('order', orderReturnReleased({ return: id, lines }))];
}
