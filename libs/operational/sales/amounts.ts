import type { LineQuantity, OrderLine } from '#contracts/sales/order-line.js';
import { PersistentMap } from '#platform/kernel/persistent-map.js';
import { Decimal, compare, decimal, minus, plus } from '#platform/kernel/money.js';

/** What lines are worth, never rounded. */
export interface Totals {
  /** Sum of quantity × unit price. */
  net: string;
  /** Lines with quantity and price above 0, and their sum: what counts as a sale. */
  saleLines: number;
  saleValue: string;
}

/** The exact totals of lines, in one pass: orders have up to ten thousand. */
export function totals(lines: readonly Pick<OrderLine, 'quantity' | 'unitPrice'>[]): Totals {
  let net = new Decimal(0);
  let saleValue = new Decimal(0);
  let saleLines = 0;
  for (const { quantity, unitPrice } of lines) {
    const q = new Decimal(quantity);
    const p = new Decimal(unitPrice);
    const worth = q.times(p);
    net = net.plus(worth);
    if (q.gt(0) && p.gt(0)) {
      saleValue = saleValue.plus(worth);
      saleLines++;
    }
  }
  return { net: decimal(net), saleLines, saleValue: decimal(saleValue) };
}

/** Quantities by line number, told at once; a line that is absent has none. */
export type LineQuantities = Readonly<Record<number, string>>;

/** Quantities by line number that change line by line. */
export type Quantities = PersistentMap<string>;

export const noQuantities: Quantities = PersistentMap.empty();

/** The quantity of a line; 0 where it is absent. */
export const quantityOf = (quantities: Quantities, line: number): string => quantities.get(String(line)) ?? '0';

/** Quantities with others added (`sign` 1) or taken away (-1). */
export function shifted(quantities: Quantities, by: readonly LineQuantity[], sign: 1 | -1): Quantities {
  const shift = sign === 1 ? plus : minus;
  return by.reduce(
    (all, { line, quantity }) => all.set(String(line), shift(quantityOf(all, line), quantity)),
    quantities,
  );
}

/** The lesser of two decimals. */
export const min = (a: string, b: string): string => (compare(a, b) <= 0 ? a : b);

/** The greater of two decimals. */
export const max = (a: string, b: string): string => (compare(a, b) >= 0 ? a : b);
