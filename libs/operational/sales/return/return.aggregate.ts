import { returnEvents } from '#contracts/sales/index.js';
import type { ReturnLine } from '#contracts/sales/order-line.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { compare } from '#platform/kernel/money.js';
import { max, totals } from '../amounts.js';
import type { LineQuantities } from '../amounts.js';

/** What was asked for when the return was requested. */
export type ReturnTerms = Parameters<typeof returnEvents.returnRequested>[0];

/** What the decisions about a return need to know. */
export interface ReturnState {
  readonly status:
    'none' | 'requested' | 'authorised' | 'denied' | 'received' | 'inspected' | 'refunded' | 'exchanged' | 'closed';
  readonly terms: ReturnTerms;
  /** What arrived, by line. */
  readonly received: LineQuantities;
  /** What the inspection accepted, by line. */
  readonly accepted: LineQuantities;
  /** Paid back so far. */
  readonly refunded: string;
}

const initial: ReturnState = {
  status: 'none',
  terms: { currency: '', zone: 'UTC', lines: [], value: '0' },
  received: {},
  accepted: {},
  refunded: '0',
};

export const Return = aggregate<ReturnState>()({
  name: 'return',
  initial,
  events: returnEvents,
  evolve: {
    returnRequested: (back, terms) => ({ ...back, status: 'requested', terms }),
    returnAuthorised: (back) => ({ ...back, status: 'authorised' }),
    returnDenied: (back) => ({ ...back, status: 'denied' }),
    returnReceived: (back, { lines }) => ({
      ...back,
      status: 'received',
      received: Object.fromEntries(lines.map(({ line, quantity }) => [line, quantity])),
    }),
    returnInspected: (back, { lines }) => ({
      ...back,
      status: 'inspected',
      accepted: Object.fromEntries(lines.map(({ line, accepted }) => [line, accepted])),
    }),
    returnRefunded: (back, { net }) => ({ ...back, status: 'refunded', refunded: net }),
    returnExchanged: (back) => ({ ...back, status: 'exchanged' }),
    // Also of a closed return: what closed it has not happened.
    returnExchangeUndone: (back) => ({ ...back, status: 'inspected' }),
    returnClosed: (back) => ({ ...back, status: 'closed' }),
  },
  // The subject of its order: the contact that it was placed for, else the walk-in order itself.
  subject: ({ terms }, id) => terms.contact ?? terms.order ?? id,
});

/** The fields that every event of a return repeats. */
export const aboutReturn = ({
  terms: { contact, order, number, currency, zone, country, salesperson },
}: ReturnState) => ({
  contact,
  order,
  number,
  currency,
  zone,
  country,
  salesperson,
});

/** The lines that the inspection accepted, with the accepted quantities. */
export const acceptedLines = ({ terms, accepted }: ReturnState): ReturnLine[] =>
  terms.lines
    .map((line) => ({ ...line, quantity: accepted[line.line] ?? '0' }))
    .filter(({ quantity }) => compare(quantity, '0') > 0);

/** What the accepted goods were bought for. */
export const acceptedValue = (back: ReturnState): string => totals(acceptedLines(back)).net;

/** What they are worth to the customer. Discount lines have a price below 0; accepted alone they are worth nothing. */
export const worthBack = (back: ReturnState): string => max('0', acceptedValue(back));
