import { z } from 'zod';
import {
  OrderKind,
  OrderStage,
  orderCancelled,
  orderCompleted,
  orderDrafted,
  orderFulfilmentRecorded,
  orderInvoiceRecorded,
  orderPaymentRecorded,
  orderPaymentRefunded,
  orderReturnOpened,
} from '#contracts/sales/order.events.js';
import { Amount, LineQuantity, OrderLine, Quantity } from '#contracts/sales/order-line.js';
import { Code, Country, DeliveryAddress, DocumentNumber, Note, Salesperson, Source, key } from '#contracts/terms.js';
import { Instant, TimeZone } from '#platform/kernel/calendar.js';
import { orErased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { Newest, noted, resource, shownLists } from '#platform/kernel/resource.js';
import { omittedEntries, told, toldBy } from '../../answer-terms.js';
import { quantityOf } from '../amounts.js';
import { standing } from './order-account.js';
import { Order } from './order.aggregate.js';

const Fulfilment = z.strictObject({
  ...told,
  lines: z.array(LineQuantity),
  complete: z.boolean().describe('Nothing was left to deliver'),
  carrier: Code.optional(),
  tracking: orErased(key(100)).optional(),
});
const Invoice = z.strictObject({ ...told, invoice: DocumentNumber, amount: Amount, dueOn: z.iso.date().optional() });
const Payment = z.strictObject({ ...told, amount: Amount, method: Code, reference: orErased(key(100)).optional() });
const Refund = z.strictObject({
  ...told,
  amount: Amount,
  method: Code.optional(),
  reference: orErased(key(100)).optional(),
  note: orErased(Note).optional(),
});
const OpenedReturn = z.strictObject({ ...told, return: Id, lines: z.array(LineQuantity) });

export const OrderAnswer = z
  .strictObject({
    id: Id,
    revision: z.int().min(0),
    status: z.enum([...OrderStage.options, 'on-hold', 'completed', 'cancelled']),
    kind: OrderKind,
    number: DocumentNumber.optional(),
    contact: Id.optional().describe('Whom it was placed for; absent for a walk-in sale'),
    attachedTo: Id.optional().describe('The contact that a walk-in sale turned out to be of'),
    currency: CurrencyCode,
    zone: TimeZone.describe('Of the shop: its day is the day of the sale'),
    channel: Code.optional(),
    country: Country.optional(),
    salesperson: Salesperson.optional(),
    source: Source.optional(),
    deliveryAddress: orErased(DeliveryAddress).optional(),
    note: orErased(Note).optional(),
    draftedAt: Instant.optional(),
    placedAt: Instant.optional(),
    completedAt: Instant.optional(),
    cancelledAt: Instant.optional(),
    net: Amount.describe('Exact sum of quantity × unit price'),
    invoiced: Amount,
    paid: Amount.describe('Received in payments'),
    paidBack: Amount.describe('Paid back, of payments and for returns'),
    moved: Amount.describe('Moved here by exchanges, less what they moved away'),
    outstanding: Amount.describe("Still due, in the currency's minor unit"),
    overpaid: Amount.describe('Held above what the order comes to: can be paid back'),
    lines: z.array(
      OrderLine.extend({
        delivered: Quantity,
        returned: Quantity.describe('Spoken for by returns'),
      }).meta({ id: 'OrderLineAsItStands' }),
    ),
    fulfilments: z.array(Fulfilment),
    invoices: z.array(Invoice),
    payments: z.array(Payment),
    refunds: z.array(Refund).describe('Of payments; what was paid back for a return is told by the return'),
    returns: z.array(OpenedReturn).describe('Returns of its goods'),
    replaces: z
      .strictObject({ return: Id, order: Id.optional(), value: Amount, moved: Amount })
      .optional()
      .describe('The return whose goods this order replaces, and what they brought here'),
    omitted: omittedEntries,
  })
  .meta({ id: 'Order' });

export const orderResource = resource({
  name: 'GetOrder',
  summary: 'One order as it stands, with its lines, deliveries, invoices and payments',
  on: Order,
  route: 'GET /v1/orders/:id',
  about: 'Sales: an order from its draft or placing through deliveries, invoices and payments to its completion.',
  answer: OrderAnswer,
  read: () => {
    const fulfilments = new Newest<z.infer<typeof Fulfilment>>();
    const invoices = new Newest<z.infer<typeof Invoice>>();
    const payments = new Newest<z.infer<typeof Payment>>();
    const refunds = new Newest<z.infer<typeof Refund>>();
    const returns = new Newest<z.infer<typeof OpenedReturn>>();
    const times: Partial<Record<'draftedAt' | 'completedAt' | 'cancelledAt', string>> = {};
    return {
      on: [
        noted(orderDrafted, (_data, event) => (times.draftedAt = toldBy(event).at)),
        noted(orderFulfilmentRecorded, ({ lines, complete, carrier, tracking }, event) =>
          fulfilments.add({ ...toldBy(event), lines, complete, carrier, tracking }),
        ),
        noted(orderInvoiceRecorded, ({ invoice, amount, dueOn }, event) =>
          invoices.add({ ...toldBy(event), invoice, amount, dueOn }),
        ),
        noted(orderPaymentRecorded, ({ amount, method, reference }, event) =>
          payments.add({ ...toldBy(event), amount, method, reference }),
        ),
        noted(orderPaymentRefunded, ({ amount, method, reference, note }, event) =>
          refunds.add({ ...toldBy(event), amount, method, reference, note }),
        ),
        noted(orderReturnOpened, (data, event) =>
          returns.add({ ...toldBy(event), return: data.return, lines: data.lines }),
        ),
        noted(orderCompleted, (_data, event) => (times.completedAt = toldBy(event).at)),
        noted(orderCancelled, (_data, event) => (times.cancelledAt = toldBy(event).at)),
      ],
      show: (order, { id, revision }) => {
        const { terms, account, fulfilled, returned, replaces } = order;
        const { lines, net, contact, ...more } = terms;
        const isStarted = order.status !== 'none' && order.status !== 'draft';
        return {
          id,
          revision,
          status: order.status as Exclude<typeof order.status, 'none'>,
          ...more,
          contact,
          attachedTo: order.attached,
          ...times,
          placedAt: order.placedAt,
          net,
          invoiced: order.invoiced,
          paid: account.paid,
          paidBack: account.paidBack,
          moved: account.moved,
          // Nothing is owed for a draft.
          ...(isStarted ? standing(order) : { outstanding: '0', overpaid: '0' }),
          lines: lines.map((line) => ({
            ...line,
            // One recorded from another system was delivered whole, without deliveries of its own.
            delivered: order.status === 'completed' ? line.quantity : quantityOf(fulfilled, line.line),
            returned: quantityOf(returned, line.line),
          })),
          replaces,
          ...shownLists({ fulfilments, invoices, payments, refunds, returns }),
        };
      },
    };
  },
});
