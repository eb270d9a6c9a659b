import { z } from 'zod';
import { Amount, LineNumber, MAX_LINES, OrderLine, Quantity, UnitPrice } from '#contracts/sales/order-line.js';
import type { Referenced } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from '../contacts/contact/contact.aggregate.js';

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

/** Refuses by `contact-not-blocked` a contact that may not buy; history about it may still be recorded. */
export function contactNotBlocked(contact: Referenced<ContactState> | undefined): void {
  rule('contact-not-blocked', contact?.state.status !== 'blocked', `contact ${contact?.id} is blocked`);
}

/** Refuses by `currency-agrees` an amount in another currency than the order's or return's. */
export function currencyAgrees(expected: string, given: string): void {
  rule('currency-agrees', expected === given, `the currency is ${expected}, not ${given}`);
}
