import { z } from 'zod';
import {
  AMOUNT_DIGITS,
  LineNumber,
  MAX_LINES,
  OrderLine,
  PRICE_DIGITS,
  QUANTITY_DIGITS,
} from '#contracts/sales/order-line.js';
import type { Referenced } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { isPayable, minorUnit, writtenDecimal } from '#platform/kernel/money.js';
import type { Contact } from '../contacts/contact/contact.aggregate.js';
import { assertContactExists } from '../contacts/contact/contact.rules.js';

// As they may be sent: parsing gives the plain form that events have.
const Quantity = writtenDecimal(QUANTITY_DIGITS).meta({ id: 'Quantity', examples: ['6'] });
export const UnitPrice = writtenDecimal(PRICE_DIGITS).meta({ id: 'UnitPrice', examples: ['2.55'] });
const Amount = writtenDecimal(AMOUNT_DIGITS).meta({ id: 'Amount', examples: ['15.30'] });

const ABOVE_ZERO = /^(?!-)(?=.*[1-9])/;
const above = { error: 'must be above 0' };

export const PositiveQuantity = Quantity.regex(ABOVE_ZERO, above);
export const PositiveAmount = Amount.regex(ABOVE_ZERO, above);
/** Zero or above. */
export const UnsignedQuantity = Quantity.regex(/^(?!-)/, { error: 'must not be below 0' });
export const UnsignedAmount = Amount.regex(/^(?!-)/, { error: 'must not be below 0' });

/** The id that a creating command may bring along. */
export const newAggregateId = Id.optional();

/** A line as history has it: any sign. Without `line` it gets its place in the list, from 1. */
export const RecordedLineInput = z.strictObject({
  line: LineNumber.optional(),
  sku: OrderLine.shape.sku,
  description: OrderLine.shape.description,
  quantity: Quantity,
  unitPrice: UnitPrice,
});

/** A line of an order that is yet to be delivered. */
export const OrderLineInput = RecordedLineInput.extend({ quantity: PositiveQuantity });

/** A list of lines. */
export const linesOf = <S extends z.ZodType>(line: S) => z.array(line).min(1).max(MAX_LINES);

/** A quantity above 0 of one line. */
export const LineQuantityInput = z.strictObject({ line: LineNumber, quantity: PositiveQuantity });

/** Lines with their numbers: their own, else their place from 1. Refused by `line-numbers-unique`. */
export function numbered<L extends { line?: number | undefined }>(lines: readonly L[]): (L & { line: number })[] {
  const all = lines.map((line, index) => ({ ...line, line: line.line ?? index + 1 }));
  uniqueLines(all);
  return all;
}

/** Refuses lists that name a line twice, by `line-numbers-unique`. */
export function uniqueLines(lines: readonly { line: number }[]): void {
  const seen = new Set<number>();
  for (const { line } of lines) {
    rule('line-numbers-unique', !seen.has(line), `line ${line} is named twice`);
    seen.add(line);
  }
}

type ContactState = typeof Contact.initial;

/**
 * Refuses new business with a contact that does not exist, was merged into another (what happens now, happens to the
 * survivor, who may be blocked), is blocked or is archived. History about it may still be recorded.
 */
export function assertMayBuy(contact: Referenced<ContactState> | undefined): void {
  if (!contact) return;
  const { id, state } = contact;
  assertContactExists(contact);
  const { mergedInto, blocked, archived } = state;
  rule('contact-not-merged', mergedInto === null, `contact ${id} was merged into ${mergedInto}: name that one`);
  rule('contact-not-blocked', !blocked, `contact ${id} is blocked`);
  rule('contact-not-archived', !archived, `contact ${id} is archived; restore it first`);
}

/** Refuses by `currency-agrees` an amount in another currency than the order's or return's. */
export function currencyAgrees(expected: string, given: string): void {
  rule('currency-agrees', expected === given, `the currency is ${expected}, not ${given}`);
}

/** Refuses by `amount-can-be-paid` an amount with a part below the minor unit of its currency: nobody can pay it. */
export function amountCanBePaid(amount: string, currency: string): void {
  rule(
    'amount-can-be-paid',
    isPayable(amount, currency),
    `${amount} ${currency} cannot be paid: the smallest unit is ${minorUnit(currency)} ${currency}`,
  );
}
