import { z } from 'zod';
import { Amount, Quantity, ReturnLine } from '#contracts/sales/order-line.js';
import {
  ReturnOutcome,
  returnClosed,
  returnDenied,
  returnExchangeUndone,
  returnExchanged,
  returnInspected,
  returnRefunded,
  returnRequested,
} from '#contracts/sales/return.events.js';
import { Code, Country, DocumentNumber, Note, Salesperson, Source } from '#contracts/terms.js';
import { Instant, TimeZone } from '#platform/kernel/calendar.js';
import { orErased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { noted, resource } from '#platform/kernel/resource.js';
import { told, toldBy } from '../../answer-terms.js';
import { Return } from './return.aggregate.js';

const Refund = z.strictObject({
  ...told,
  net: Amount.describe('Paid back to the customer'),
  credited: Amount.describe('Taken off what was due for the order, as no more was paid'),
  method: Code.optional(),
  note: orErased(Note).optional(),
});

export const ReturnAnswer = z
  .strictObject({
    id: Id,
    revision: z.int().min(0),
    status: z.enum(['requested', 'authorised', 'denied', 'received', 'inspected', 'refunded', 'exchanged', 'closed']),
    contact: Id.optional().describe('Whom the order was placed for, or who brings the goods when no order is named'),
    order: Id.optional().describe('The order that the goods came with'),
    number: DocumentNumber.optional(),
    currency: CurrencyCode,
    zone: TimeZone,
    country: Country.optional(),
    salesperson: Salesperson.optional(),
    source: Source.optional(),
    note: orErased(Note).optional(),
    requestedAt: Instant,
    value: Amount.describe('Exact sum of quantity × unit price: what the customer asks back'),
    lines: z.array(
      ReturnLine.extend({
        received: Quantity.optional().describe('Absent before the goods have come'),
        accepted: Quantity.optional().describe('Absent before the goods were inspected'),
        condition: Code.optional(),
      }).meta({ id: 'ReturnLineAsItStands' }),
    ),
    denied: z.strictObject({ ...told, reason: Code }).optional(),
    refund: Refund.optional(),
    replacement: Id.optional().describe('The order that brings other goods instead'),
    closed: z.strictObject({ ...told, outcome: ReturnOutcome }).optional(),
  })
  .meta({ id: 'Return' });

export const returnResource = resource({
  name: 'GetReturn',
  summary: 'One return as it stands, with what was asked back, received, accepted and refunded',
  on: Return,
  route: 'GET /v1/returns/:id',
  about: 'Goods that come back: requested, authorised, received, inspected, then refunded or exchanged.',
  answer: ReturnAnswer,
  read: () => {
    let requestedAt = '';
    let conditions = new Map<number, string | undefined>();
    const later: Pick<z.infer<typeof ReturnAnswer>, 'denied' | 'refund' | 'replacement' | 'closed'> = {};
    return {
      on: [
        noted(returnRequested, (_data, event) => (requestedAt = toldBy(event).at)),
        noted(returnDenied, ({ reason }, event) => (later.denied = { ...toldBy(event), reason })),
        noted(returnInspected, ({ lines }) => {
          conditions = new Map(lines.map(({ line, condition }) => [line, condition]));
        }),
        noted(returnRefunded, ({ net, credited, method, note }, event) => {
          later.refund = { ...toldBy(event), net, credited, method, note };
        }),
        noted(returnExchanged, ({ replacement }) => (later.replacement = replacement)),
        noted(returnExchangeUndone, () => {
          delete later.replacement;
          delete later.closed;
        }),
        noted(returnClosed, ({ outcome }, event) => (later.closed = { ...toldBy(event), outcome })),
      ],
      show: ({ status, terms, received, accepted }, { id, revision }) => {
        const hasCome = Object.keys(received).length > 0;
        const isInspected = Object.keys(accepted).length > 0;
        return {
          id,
          revision,
          status: status as Exclude<typeof status, 'none'>,
          ...terms,
          requestedAt,
          lines: terms.lines.map((line) => ({
            ...line,
            received: hasCome ? (received[line.line] ?? '0') : undefined,
            accepted: isInspected ? (accepted[line.line] ?? '0') : undefined,
            condition: conditions.get(line.line),
          })),
          ...later,
        };
      },
    };
  },
});
