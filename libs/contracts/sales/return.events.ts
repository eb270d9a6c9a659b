import { z } from 'zod';
import { TimeZone } from '#platform/kernel/calendar.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { Amount, LineNumber, LineQuantity, MAX_LINES, Quantity, ReturnLine } from './order-line.js';
import { Code, Country, DocumentNumber, Note, Salesperson, Source, sourceKey } from '../terms.js';

// The subject of a return is its contact, else its (walk-in) order, else its own id.
const about = {
  /** The contact that the returned order was placed for, or who brings the goods when no order is named. */
  contact: open(Id.optional(), 'unless-subject'),
  order: open(Id.optional(), 'shown'),
  number: open(DocumentNumber.optional(), 'shown'),
  currency: open(CurrencyCode, 'shown'),
  zone: open(TimeZone),
  country: open(Country.optional()),
  salesperson: open(Salesperson.optional(), 'shown'),
};
const quantities = open(z.array(LineQuantity).min(1).max(MAX_LINES), 'counted');

export const returnRequested = defineEvent({
  type: 'crm.sales.return.requested',
  fields: {
    ...about,
    source: open(Source.optional()),
    /** Quantities that come back: positive, save for the odd line of a recorded credit note. */
    lines: open(z.array(ReturnLine).min(1).max(MAX_LINES), 'counted'),
    /** Exact sum of quantity × unit price: what the customer asks back. */
    value: open(Amount, 'shown'),
    note: personal(Note.optional(), 'note'),
  },
  reserves: sourceKey('return-source'),
});

export const returnAuthorised = defineEvent({
  type: 'crm.sales.return.authorised',
  fields: { ...about, value: open(Amount, 'shown'), note: personal(Note.optional(), 'note') },
});

export const returnDenied = defineEvent({
  type: 'crm.sales.return.denied',
  fields: {
    ...about,
    value: open(Amount, 'shown'),
    reason: open(Code, 'shown'),
    note: personal(Note.optional(), 'note'),
  },
});

export const returnReceived = defineEvent({
  type: 'crm.sales.return.received',
  fields: { ...about, lines: quantities, note: personal(Note.optional(), 'note') },
});

/** What became of one received line; received − accepted goes back to the customer. */
export const InspectedLine = z
  .strictObject({ line: LineNumber, received: Quantity, accepted: Quantity, condition: Code.optional() })
  .meta({ id: 'InspectedLine' });

export const returnInspected = defineEvent({
  type: 'crm.sales.return.inspected',
  fields: {
    ...about,
    lines: open(z.array(InspectedLine).min(1).max(MAX_LINES), 'counted'),
    /** Exact value of what was accepted. */
    acceptedValue: open(Amount),
    note: personal(Note.optional(), 'note'),
  },
});

export const returnRefunded = defineEvent({
  type: 'crm.sales.return.refunded',
  fields: {
    ...about,
    /** Paid back to the customer: 0 or above. */
    net: open(Amount, 'shown'),
    /** The rest of what is refunded: taken off what is due for the order, as no more was paid. 0 or above. */
    credited: open(Amount, 'shown'),
    lineCount: open(z.int().min(0)),
    /** What is refunded, where that is known; absent for a recorded credit note: the lines are those requested. */
    lines: open(z.array(ReturnLine).min(1).max(MAX_LINES).optional(), 'counted'),
    method: open(Code.optional(), 'shown'),
    note: personal(Note.optional(), 'note'),
  },
});

export const returnExchanged = defineEvent({
  type: 'crm.sales.return.exchanged',
  fields: {
    ...about,
    /** The order that brings the replacement. */
    replacement: open(Id, 'shown'),
    /** Exact value of the goods taken back. */
    value: open(Amount, 'shown'),
    lineCount: open(z.int().min(0)),
    lines: open(z.array(ReturnLine).min(1).max(MAX_LINES), 'counted'),
    note: personal(Note.optional(), 'note'),
  },
});

/** The replacement was cancelled: the accepted goods wait for a refund or another exchange again. */
export const returnExchangeUndone = defineEvent({
  type: 'crm.sales.return.exchange-undone',
  fields: {
    ...about,
    /** The order that was cancelled. */
    replacement: open(Id, 'shown'),
    /** Exact value of the goods taken back. */
    value: open(Amount, 'shown'),
  },
});

/** `rejected`: the inspection accepted nothing. */
export const ReturnOutcome = z.enum(['refunded', 'exchanged', 'rejected']);

export const returnClosed = defineEvent({
  type: 'crm.sales.return.closed',
  fields: {
    ...about,
    outcome: open(ReturnOutcome, 'shown'),
    net: open(Amount, 'shown'),
    note: personal(Note.optional(), 'note'),
  },
});
