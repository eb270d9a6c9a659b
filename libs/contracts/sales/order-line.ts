import { z } from 'zod';
import { Code, key } from '../terms.js';

// Bounds: 8 + 6 digits of quantity times 12 + 6 of price, ten thousand times over, fit an Amount exactly.
const bounded = (integers: number) =>
  z
    .string()
    .max(integers + 8)
    .regex(new RegExp(`^-?\\d{1,${integers}}(\\.\\d{1,6})?$`), {
      error: `is not a decimal number such as "12.50" with at most ${integers} digits before and 6 after the point`,
    });

/** How much of a thing, exact; negative or zero only in recorded history. */
export const Quantity = bounded(8).meta({ id: 'Quantity', examples: ['6'] });

/** The price of one, exact, in the currency of the order; negative for a discount. */
export const UnitPrice = bounded(12).meta({ id: 'UnitPrice', examples: ['2.55'] });

/** An exact sum of quantities times prices. */
export const Amount = z
  .string()
  .max(42)
  .regex(/^-?\d{1,28}(\.\d{1,12})?$/, { error: 'is not a decimal number such as "12.50"' })
  .meta({ id: 'Amount', examples: ['15.30'] });

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
