import { z } from 'zod';
import { OrderKind } from '#contracts/sales/order.events.js';
import { Code, Country, DeliveryAddress, DocumentNumber, Note, Salesperson, Source } from '#contracts/terms.js';
import { TimeZone } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { Currency } from '#platform/kernel/money.js';
import type { OrderTerms } from './order.aggregate.js';
import { numbered, newAggregateId } from '../sales-input.js';
import { totals } from '../amounts.js';
import type { Totals } from '../amounts.js';

/** What a new order says, beside its lines. */
export const orderHeader = {
  id: newAggregateId,
  contact: Id.optional(),
  number: DocumentNumber.optional(),
  currency: Currency,
  zone: TimeZone,
  channel: Code.optional(),
  country: Country.optional(),
  salesperson: Salesperson.optional(),
  source: Source.optional(),
  deliveryAddress: DeliveryAddress.optional(),
  note: Note.optional(),
};

/** Also a kind, where history is recorded. */
export const orderKind = OrderKind.default('sale');

const Header = z.strictObject(orderHeader);
type LineInput = Omit<OrderTerms['lines'][number], 'line'> & { line?: number | undefined };

/** The terms of a new order with its lines numbered and summed. Refused by `line-numbers-unique`. */
export function termsOf(input: z.infer<typeof Header> & { kind?: OrderKind; lines: readonly LineInput[] }): {
  terms: OrderTerms;
  worth: Totals;
} {
  const lines = numbered(input.lines);
  const worth = totals(lines);
  const { contact, number, currency, zone, channel, country, salesperson, source, deliveryAddress, note } = input;
  const kind = input.kind ?? 'sale';
  const terms = {
    contact,
    number,
    currency,
    kind,
    zone,
    channel,
    country,
    salesperson,
    source,
    lines,
    net: worth.net,
    deliveryAddress,
    note,
  };
  return { terms, worth };
}

/** The data of `orderCompleted` for an order of these terms. */
export const completionOf = (terms: OrderTerms, placedAt: string, { saleLines, saleValue }: Totals) => ({
  contact: terms.contact,
  number: terms.number,
  currency: terms.currency,
  kind: terms.kind,
  zone: terms.zone,
  country: terms.country,
  salesperson: terms.salesperson,
  placedAt,
  net: terms.net,
  lines: terms.lines.length,
  saleLines,
  saleValue,
});
