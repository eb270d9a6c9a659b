import { data as currencies } from 'currency-codes';
import { Decimal } from 'decimal.js';
import { z } from 'zod';

// Sums and products of money are never rounded: 60 digits is beyond what a business adds up.
Decimal.set({ precision: 60, toExpNeg: -40, toExpPos: 60 });
export { Decimal };

// Assigned since the package's list was published.
const NEWER: [string, number][] = [['XCG', 2]];
// Codes of the standard that stand for no money: none, and tests.
const NO_MONEY = ['XXX', 'XTS'];

/** Digits after the point of what can be paid in each currency: ISO 4217, not the runtime's, which are CLDR's. */
const minorDigits: ReadonlyMap<string, number> = new Map(
  [...currencies.map(({ code, digits }): [string, number] => [code, digits]), ...NEWER]
    .filter(([code]) => !NO_MONEY.includes(code))
    .toSorted(([a], [b]) => (a < b ? -1 : 1)),
);

// A code that the standard withdrew still stands in the log; nearly all have cents.
const digitsOf = (currency: string): number => minorDigits.get(currency) ?? 2;

/**
 * What is paid for an exact amount: rounded to the currency's minor unit, half a unit away from zero (commercial
 * rounding; ADR 13).
 */
export const payable = (amount: string, currency: string): string =>
  decimal(new Decimal(amount).toDecimalPlaces(digitsOf(currency), Decimal.ROUND_HALF_UP));

/** True when an amount can be paid as it is: it has no part below the currency's minor unit. */
export const isPayable = (amount: string, currency: string): boolean =>
  new Decimal(amount).decimalPlaces() <= digitsOf(currency);

/** The smallest sum that can be paid in a currency: `0.01`. */
export const minorUnit = (currency: string): string => decimal(new Decimal(10).pow(-digitsOf(currency)));

/** The plain form of a decimal: no exponent, no trailing zeros, `0` for zero. The one form that answers and events have. */
export const decimal = (value: Decimal): string => (value.isZero() ? '0' : value.toFixed());

const PLAIN = /^(0|-?[1-9]\d*|-?(0|[1-9]\d*)\.\d*[1-9])$/;

/** The plain form of a decimal that is written in another way: `12.50` is `12.5`, `-0.0` is `0`. */
export const plainNumber = (text: string): string => (PLAIN.test(text) ? text : decimal(new Decimal(text)));

/** How many digits a decimal has at most before and after the point. */
export interface Digits {
  readonly integers: number;
  readonly fractions: number;
}

/** A decimal as it is stored and answered: in its plain form. */
export const plainDecimal = ({ integers: i, fractions: f }: Digits) =>
  z
    .string()
    .max(i + f + 2)
    .regex(new RegExp(`^(0|-?[1-9]\\d{0,${i - 1}}|-?(0|[1-9]\\d{0,${i - 1}})\\.\\d{0,${f - 1}}[1-9])$`), {
      error: 'is not a decimal number in its plain form, such as "12.5"',
    });

/** A decimal as it may be sent, `12.50` or `007`; parsing gives its plain form. */
export const writtenDecimal = ({ integers: i, fractions: f }: Digits) =>
  z
    .string()
    .max(i + f + 2, { abort: true })
    .regex(new RegExp(`^-?\\d{1,${i}}(\\.\\d{1,${f}})?$`), {
      error: `is not a decimal number such as "12.50" with at most ${i} digits before and ${f} after the point`,
      // What is no decimal has no plain form.
      abort: true,
    })
    .overwrite(plainNumber);

/** A decimal number as a string, exact: `12.50`, `-0.001`; kept in its plain form. */
export const DecimalString = writtenDecimal({ integers: 20, fractions: 12 }).meta({
  id: 'Decimal',
  examples: ['12.5'],
});

/** A figure that was computed, exact, in its plain form: a sum, or a bound between figures. It has as many digits as it takes. */
export const ExactDecimal = z
  .string()
  .regex(PLAIN, { error: 'is not a decimal number such as "12.5"' })
  .meta({ id: 'ExactDecimal', examples: ['9747747.934'] });

/**
 * A currency code as it is stored, answered and asked for: the standard withdraws codes, and what happened stays readable.
 */
export const CurrencyCode = z
  .string()
  .regex(/^[A-Z]{3}$/, { error: 'is not a three-letter currency code' })
  .meta({ id: 'CurrencyCode', examples: ['EUR'] });

/** A currency code of ISO 4217 that stands for money: what commands take. */
export const Currency = z
  .enum([...minorDigits.keys()] as [string, ...string[]], { error: 'is not a currency code of ISO 4217' })
  .meta({ id: 'Currency', examples: ['EUR'] });

/** An exact amount that names its currency. */
export const Money = z.strictObject({ amount: DecimalString, currency: CurrencyCode }).meta({ id: 'Money' });
export type MoneyValue = z.infer<typeof Money>;

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
