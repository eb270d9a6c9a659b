import { z } from 'zod';
import { orderReturnOpened } from '#contracts/sales/order.events.js';
import { LineNumber, ReturnLine } from '#contracts/sales/order-line.js';
import { Code, Country, DocumentNumber, Note, Salesperson, Source } from '#contracts/terms.js';
import { returnRequested } from '#contracts/sales/return.events.js';
import { TimeZone } from '#platform/kernel/calendar.js';
import { at, command, reference } from '#platform/kernel/command.js';
import type { Referenced } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Currency, compare } from '#platform/kernel/money.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { totals } from '../amounts.js';
import { Order, returnable } from '../order/order.aggregate.js';
import type { OrderState } from '../order/order.aggregate.js';
import { assertContactExists } from '../../contacts/contact/contact.rules.js';
import {
  PositiveQuantity,
  UnitPrice,
  currencyAgrees,
  linesOf,
  newAggregateId,
  numbered,
  uniqueLines,
} from '../sales-input.js';
import { Return } from './return.aggregate.js';

const RequestedLine = z.strictObject({
  line: LineNumber.optional().meta({ description: 'The line of the order; needed when an order is named' }),
  sku: ReturnLine.shape.sku.optional(),
  description: ReturnLine.shape.description,
  quantity: PositiveQuantity,
  unitPrice: UnitPrice.optional(),
  reason: Code.optional(),
});
type RequestedLine = z.infer<typeof RequestedLine>;

export const requestReturn = command({
  name: 'RequestReturn',
  summary: 'Asks to send goods back: lines of an order, or goods whose order is not known',
  on: Return,
  route: 'POST /v1/returns',
  input: z.strictObject({
    id: newAggregateId,
    order: Id.optional(),
    contact: Id.optional(),
    number: DocumentNumber.optional(),
    currency: Currency.optional().meta({ description: "The order's when an order is named" }),
    zone: TimeZone.optional().meta({ description: "The order's when an order is named" }),
    country: Country.optional().meta({ description: "The order's when an order is named" }),
    salesperson: Salesperson.optional(),
    source: Source.optional(),
    lines: linesOf(RequestedLine),
    note: Note.optional(),
  }),
  refs: {
    order: reference(Order, (input: { order?: string }) => input.order),
    contact: reference(Contact, (input: { contact?: string }) => input.contact),
  },
  decide: (back, asked, context) => {
    const { order: orderId, contact, number, currency, zone, country, salesperson, source, note, ...input } = asked;
    rule('return-is-new', back.status === 'none', 'this return exists already');
    assertContactExists(context.refs.contact);
    const order = context.refs.order?.state;
    if (!order) {
      rule('currency-and-zone-named', currency !== undefined && zone !== undefined, 'no order says them');
      const lines = numbered(input.lines).map(pricedLine);
      const value = valueOf(lines);
      return returnRequested({ contact, number, currency, zone, country, salesperson, source, lines, value, note });
    }
    rule('order-exists', order.status !== 'none', `there is no order ${orderId}`);
    const { terms } = order;
    contactAgrees(order, context.refs.contact);
    currencyAgrees(terms.currency, currency ?? terms.currency);
    const lines = linesWithin(order, input.lines);
    const requested = returnRequested({
      contact: terms.contact,
      order: orderId,
      number,
      currency: terms.currency,
      zone: zone ?? terms.zone,
      country: country ?? terms.country,
      salesperson: salesperson ?? terms.salesperson,
      source,
      lines,
      value: valueOf(lines),
      note,
    });
    // On the order's own stream, so that of two racing returns of one item the second is decided anew.
    const taken = lines.map(({ line, quantity }) => ({ line, quantity }));
    return [requested, at('order', orderReturnOpened({ return: context.id, lines: taken }))];
  },
});

function valueOf(lines: readonly ReturnLine[]): string {
  const value = totals(lines).net;
  rule('value-not-negative', compare(value, '0') >= 0, `the lines sum to ${value}`);
  return value;
}

function pricedLine(line: RequestedLine & { line: number }): ReturnLine {
  const { sku, unitPrice } = line;
  rule(
    'sku-and-price-named',
    sku !== undefined && unitPrice !== undefined,
    `line ${line.line}: without an order, a line needs its sku and unitPrice`,
  );
  return { ...line, sku, unitPrice };
}

/** The returned lines as the order has them: its sku and its price, at most what is left of each. */
function linesWithin(order: OrderState, asked: readonly RequestedLine[]): ReturnLine[] {
  const left = returnable(order);
  const bought = new Map(order.terms.lines.map((line) => [line.line, line]));
  const lines = asked.map(({ line, sku, quantity, unitPrice, reason }): ReturnLine => {
    rule('return-names-order-lines', line !== undefined, 'with an order, each line needs the number of its line there');
    const of = bought.get(line);
    rule('line-in-order', of !== undefined, `the order has no line ${line}`);
    rule('sku-agrees', sku === undefined || sku === of.sku, `line ${line} of the order is ${of.sku}, not ${sku}`);
    priceAgrees(of.unitPrice, unitPrice, line);
    rule(
      'within-order',
      compare(quantity, left.get(line)!) <= 0,
      `line ${line}: ${quantity} asked back, ${left.get(line)} delivered and not yet returned`,
    );
    return { line, sku: of.sku, description: of.description, quantity, unitPrice: of.unitPrice, reason };
  });
  uniqueLines(lines);
  return lines;
}

function priceAgrees(bought: string, asked: string | undefined, line: number): void {
  const agrees = asked === undefined || compare(asked, bought) === 0;
  rule('price-agrees', agrees, `line ${line} was bought at ${bought}, not at ${asked}`);
}

/** The order's contact, or the one that it was merged into. */
function contactAgrees({ terms, attached }: OrderState, contact: Referenced<typeof Contact.initial> | undefined): void {
  const known = terms.contact ?? attached;
  const same = known !== undefined && (contact?.id === known || contact?.state.mergedDuplicates.has(known));
  rule('contact-agrees', !contact || same === true, `the order is of contact ${known ?? 'nobody'}`);
}
