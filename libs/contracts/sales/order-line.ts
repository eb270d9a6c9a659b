import { z } from 'zod';
import { plainDecimal, type Digits } from '#platform/kernel/money.js';
import { Code, key } from '../terms.js';

// Bounds: 8 + 6 digits of quantity times 12 + 6 of price, ten thousand times over, fit an amount exactly.
export const QUANTITY_DIGITS: Digits = { integers: 8, fractions: 6 };
export const PRICE_DIGITS: Digits = { integers: 12, fractions: 6 };
export const AMOUNT_DIGITS: Digits = { integers: 28, fractions: 12 };

/** How much of a thing, exact; negative or zero only in recorded history. */
export const Quantity = plainDecimal(QUANTITY_DIGITS).meta({ examples: ['6'] });

/** The price of one, exact, in the currency of the order; finer than its minor unit too; negative for a discount. */
export const UnitPrice = plainDecimal(PRICE_DIGITS).meta({ examples: ['2.55'] });

/** A sum of quantities times prices, exact, or of money. */
export const Amount = plainDecimal(AMOUNT_DIGITS).meta({ examples: ['15.3'] });

/** The most lines that one order or return has. */
export const MAX_LINES = 10_000;

/** Number of a line in its order or return. */
export const LineNumber = z.int().min(1).max(1_000_000);

export const Sku = key(64);

/** A line of an order: what, how much, at what price. */
export const OrderLine = z
  .strictObject({
    line: LineNumber,
    sku: Sku,
    description: z.string().max(500).optional(),
    quantity: Quantity,
    unitPrice: UnitPrice,
  })
  .meta({ id: 'OrderLine' });
export type OrderLine = z.infer<typeof OrderLine>;

/** A quantity of one line of an order or return. */
export const LineQuantity = z.strictObject({ line: LineNumber, quantity: Quantity }).meta({ id: 'LineQuantity' });
export type LineQuantity = z.infer<typeof LineQuantity>;

/** A line that comes back, with the price that it was bought at. */
export const ReturnLine = z
  .strictObject({
    line: LineNumber,
    sku: Sku,
    description: z.string().max(500).optional(),
    quantity: Quantity,
    unitPrice: UnitPrice,
    reason: Code.optional(),
  })
  .meta({ id: 'ReturnLine' });
export type ReturnLine = z.infer<typeof ReturnLine>;
