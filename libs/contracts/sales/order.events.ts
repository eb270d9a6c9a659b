import { z } from 'zod';
import { Instant, TimeZone } from '#platform/kernel/calendar.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { Amount, LineQuantity, MAX_LINES, OrderLine } from './order-line.js';
import { Code, Country, DeliveryAddress, DocumentNumber, Note, Salesperson, Source, key, sourceKey } from '../terms.js';

/** `adjustment`: a correction of the books that is no sale (a bad debt written off). */
export const OrderKind = z.enum(['sale', 'adjustment']);
export type OrderKind = z.infer<typeof OrderKind>;

/** The states that an order passes on its way; a hold returns to the one before. */
export const OrderStage = z.enum(['draft', 'placed', 'confirmed', 'partially-fulfilled', 'fulfilled']);
export type OrderStage = z.infer<typeof OrderStage>;

// The contact that the order was placed for: the stream's subject. A walk-in order has none, and its
// subject stays the order's own id for life: `orderAttached` is an alias that readers resolve.
const about = {
  contact: open(Id.optional(), 'unless-subject'),
  number: open(DocumentNumber.optional(), 'shown'),
  currency: open(CurrencyCode, 'shown'),
};
const lines = open(z.array(OrderLine).min(1).max(MAX_LINES), 'counted');
const quantities = open(z.array(LineQuantity).min(1).max(MAX_LINES), 'counted');
// How the order stands after an event that moves what is owed.
const standing = {
  /** What is still due, in the currency's minor unit; never negative. */
  outstanding: open(Amount, 'shown'),
  /** What was paid above what the order comes to, and can be paid back; never negative. */
  overpaid: open(Amount, 'shown'),
};

const terms = {
  ...about,
  kind: open(OrderKind, 'shown'),
  /** Zone of the shop: its day is the day of the sale. */
  zone: open(TimeZone),
  channel: open(Code.optional(), 'shown'),
  country: open(Country.optional()),
  salesperson: open(Salesperson.optional(), 'shown'),
  source: open(Source.optional()),
  lines,
  /** Exact sum of quantity × unit price. */
  net: open(Amount, 'shown'),
  deliveryAddress: personal(DeliveryAddress.optional(), 'delivery'),
  note: personal(Note.optional(), 'note'),
};

const reserves = sourceKey('order-source');

export const orderDrafted = defineEvent({ type: 'crm.sales.order.drafted', fields: terms, reserves });

export const orderPlaced = defineEvent({ type: 'crm.sales.order.placed', fields: terms, reserves });

export const orderConfirmed = defineEvent({
  type: 'crm.sales.order.confirmed',
  fields: { ...about, net: open(Amount, 'shown'), note: personal(Note.optional(), 'note') },
});

export const orderHeld = defineEvent({
  type: 'crm.sales.order.held',
  fields: { ...about, reason: open(Code, 'shown'), note: personal(Note.optional(), 'note') },
});

export const orderReleased = defineEvent({
  type: 'crm.sales.order.released',
  fields: { ...about, stage: open(OrderStage, 'shown'), note: personal(Note.optional(), 'note') },
});

/** The terms from now on, in full, and what they were worth before. */
export const orderAmended = defineEvent({
  type: 'crm.sales.order.amended',
  fields: {
    ...about,
    stage: open(OrderStage, 'shown'),
    lines,
    net: open(Amount, 'shown'),
    previousNet: open(Amount),
    ...standing,
    salesperson: open(Salesperson.optional(), 'shown'),
    deliveryAddress: personal(DeliveryAddress.optional(), 'delivery'),
    note: personal(Note.optional(), 'note'),
  },
});

export const orderFulfilmentRecorded = defineEvent({
  type: 'crm.sales.order.fulfilment-recorded',
  fields: {
    ...about,
    lines: quantities,
    /** True when nothing is left to deliver. */
    complete: open(z.boolean(), 'shown'),
    carrier: open(Code.optional()),
    tracking: personal(key(100).optional(), 'delivery'),
  },
});

export const orderInvoiceRecorded = defineEvent({
  type: 'crm.sales.order.invoice-recorded',
  fields: {
    ...about,
    invoice: open(DocumentNumber, 'shown'),
    amount: open(Amount, 'shown'),
    /** Sum of this and the invoices before. */
    invoiced: open(Amount),
    dueOn: open(z.iso.date().optional()),
  },
});

export const orderPaymentRecorded = defineEvent({
  type: 'crm.sales.order.payment-recorded',
  fields: {
    ...about,
    amount: open(Amount, 'shown'),
    method: open(Code, 'shown'),
    ...standing,
    reference: personal(key(100).optional(), 'payment'),
  },
});

/** Money that was paid above what the order comes to went back: an overpayment, or a cancelled order's. */
export const orderPaymentRefunded = defineEvent({
  type: 'crm.sales.order.payment-refunded',
  fields: {
    ...about,
    amount: open(Amount, 'shown'),
    method: open(Code.optional(), 'shown'),
    ...standing,
    reference: personal(key(100).optional(), 'payment'),
    note: personal(Note.optional(), 'note'),
  },
});

export const orderCompleted = defineEvent({
  type: 'crm.sales.order.completed',
  fields: {
    ...about,
    kind: open(OrderKind, 'shown'),
    zone: open(TimeZone),
    country: open(Country.optional()),
    salesperson: open(Salesperson.optional(), 'shown'),
    placedAt: open(Instant),
    net: open(Amount, 'shown'),
    /** How many lines. */
    lines: open(z.int().min(0), 'shown'),
    /** How many lines with quantity and price above 0, and their exact sum: what counts as a sale. */
    saleLines: open(z.int().min(0)),
    saleValue: open(Amount),
  },
});

export const orderCancelled = defineEvent({
  type: 'crm.sales.order.cancelled',
  fields: {
    ...about,
    stage: open(OrderStage, 'shown'),
    country: open(Country.optional()),
    salesperson: open(Salesperson.optional(), 'shown'),
    net: open(Amount, 'shown'),
    /** Held of what was paid, and so to be given back. */
    refundDue: open(Amount, 'shown'),
    /** Of an order that served an exchange: what went back to the order that the goods came from. */
    movedBack: open(Amount.optional(), 'shown'),
    reason: open(Code, 'shown'),
    note: personal(Note.optional(), 'note'),
  },
});

/** The customer of a walk-in order is known now; undone by `orderDetached`. */
export const orderAttached = defineEvent({
  type: 'crm.sales.order.attached',
  fields: { contact: open(Id, 'unless-subject'), number: open(DocumentNumber.optional(), 'shown') },
});

export const orderDetached = defineEvent({
  type: 'crm.sales.order.detached',
  fields: {
    contact: open(Id, 'unless-subject'),
    number: open(DocumentNumber.optional(), 'shown'),
    note: personal(Note.optional(), 'note'),
  },
});

/** Quantities are spoken for by a return, so that no other return takes them. */
export const orderReturnOpened = defineEvent({
  type: 'crm.sales.order.return-opened',
  fields: { return: open(Id, 'shown'), lines: quantities },
});

/** Quantities that a return asked for and does not take: denied, not sent, or not accepted. */
export const orderReturnReleased = defineEvent({
  type: 'crm.sales.order.return-released',
  fields: { return: open(Id, 'shown'), lines: quantities },
});

/** A return of this order's goods was refunded or exchanged: what they were worth, and what became of it. */
export const orderReturnSettled = defineEvent({
  type: 'crm.sales.order.return-settled',
  fields: {
    ...about,
    return: open(Id, 'shown'),
    /** Exact worth of the goods taken back, which the order comes to less. */
    value: open(Amount, 'shown'),
    /** Kept of that as a fee. */
    kept: open(Amount),
    /** Paid back to the customer. */
    paidBack: open(Amount, 'shown'),
    /** Moved to the order that replaces the goods, as paid there. */
    moved: open(Amount, 'shown'),
    ...standing,
  },
});

/** The exchange of a return is undone, as its replacement was cancelled: what was taken off and moved is here again. */
export const orderReturnReopened = defineEvent({
  type: 'crm.sales.order.return-reopened',
  fields: {
    ...about,
    return: open(Id, 'shown'),
    value: open(Amount, 'shown'),
    moved: open(Amount, 'shown'),
    ...standing,
  },
});

/** This order replaces the goods of a return, which pay for it as far as they were paid for. */
export const orderReplacementAssigned = defineEvent({
  type: 'crm.sales.order.replacement-assigned',
  fields: {
    ...about,
    return: open(Id, 'shown'),
    /** The order that the goods came from, where it is known. */
    order: open(Id.optional(), 'shown'),
    /** Exact worth of the goods taken back. */
    value: open(Amount, 'shown'),
    /** Moved here from that order, as paid. */
    moved: open(Amount, 'shown'),
    /** Taken off what this order comes to, for goods whose order is not known: no money. */
    allowance: open(Amount),
    ...standing,
  },
});
