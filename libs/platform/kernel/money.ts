import { Decimal } from 'decimal.js';
import { z } from 'zod';

// Sums and products of money are never rounded: 60 digits is beyond what a business adds up.
Decimal.set({ precision: 60, toExpNeg: -40, toExpPos: 60 });
export { Decimal };

/** A decimal number as a string, exact: `12.50`, `-0.001`. */
export const DecimalString = z
  .string()
  .max(40)
  .regex(/^-?\d{1,20}(\.\d{1,12})?$/, { error: 'is not a decimal number such as "12.50"' })
  .meta({ id: 'Decimal', examples: ['12.50'] });

/** A figure that was computed, exact: a sum, or a bound between figures. It has as many digits as it takes. */
export const ExactDecimal = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/, { error: 'is not a decimal number such as "12.50"' })
  .meta({ id: 'ExactDecimal', examples: ['9747747.934'] });

/** An ISO 4217 currency code. */
export const Currency = z
  .string()
  .regex(/^[A-Z]{3}$/, { error: 'is not a three-letter currency code' })
  .meta({ id: 'Currency', examples: ['EUR'] });

/** An exact amount that names its currency. */
export const Money = z.strictObject({ amount: DecimalString, currency: Currency }).meta({ id: 'Money' });
export type MoneyValue = z.infer<typeof Money>;

/** The plain form of a decimal: no exponent, no trailing zeros, `0` for zero. */
export const decimal = (value: Decimal): string => (value.isZero() ? '0' : value.toFixed());

/** The exact sum of decimal strings. */
export function sum(values: Iterable<string>): string {
  let total = new Decimal(0);
  for (const value of values) total = total.plus(value);
  return decimal(total);
}

/** The exact sum of two decimal strings. */
export const plus = (a: string, b: string): string => decimal(new Decimal(a).plus(b));

/** The exact difference of two decimal strings. */
export const minus = (a: string, b: string): string => decimal(new Decimal(a).minus(b));

/** The exact product of two decimal strings. */
export const times = (a: string, b: string): string => decimal(new Decimal(a).times(b));

/** -1, 0 or 1, as `a` is below, equal to or above `b`. */
export const compare = (a: string, b: string): number => new Decimal(a).comparedTo(b);
