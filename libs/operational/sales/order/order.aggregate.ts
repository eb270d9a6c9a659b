import { orderEvents } from '#contracts/sales/index.js';
import type { OrderStage } from '#contracts/sales/order.events.js';
import type { LineQuantity } from '#contracts/sales/order-line.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { late, step } from '#platform/kernel/chronology.js';
import { compare, minus } from '#platform/kernel/money.js';
import { PersistentSet } from '#platform/kernel/persistent-map.js';
import { max, noQuantities, quantityOf, shifted } from '../amounts.js';
import type { Quantities } from '../amounts.js';
import { booked, noAccount, reopened, settled } from './order-account.js';
import type { Account } from './order-account.js';

/** What an order is about, as its placement or last amendment says. */
export type OrderTerms = Parameters<typeof orderEvents.orderPlaced>[0];

/** What the decisions about an order need to know. */
export interface OrderState {
  readonly status: 'none' | OrderStage | 'on-hold' | 'completed' | 'cancelled';
  /** How far it has come: what a release returns to. */
  readonly stage: OrderStage;
  /** `terms.contact` is whom it was placed for, for good; a walk-in order has none. */
  readonly terms: OrderTerms;
  /** Whom a walk-in order was attached to later: an alias, never the subject. */
  readonly attached?: string;
  readonly placedAt?: string;
  readonly invoices: PersistentSet;
  readonly invoiced: string;
  readonly account: Account;
  /** The return whose goods this order replaces, the order that they came from, and what they brought here. */
  readonly replaces?: {
    readonly return: string;
    readonly order?: string;
    readonly value: string;
    readonly moved: string;
  };
  /** Delivered so far, by line. */
  readonly fulfilled: Quantities;
  /** Spoken for by returns, by line. */
  readonly returned: Quantities;
}

const initial: OrderState = {
  status: 'none',
  stage: 'draft',
  terms: { kind: 'sale', currency: '', zone: 'UTC', lines: [], net: '0' },
  invoices: PersistentSet.of(),
  invoiced: '0',
  account: noAccount,
  fulfilled: noQuantities,
  returned: noQuantities,
};

const at = (order: OrderState, stage: OrderStage): OrderState => ({ ...order, status: stage, stage });

export const Order = aggregate<OrderState>()({
  name: 'order',
  initial,
  events: orderEvents,
  evolve: {
    orderDrafted: (order, terms) => ({ ...at(order, 'draft'), terms }),
    orderPlaced: (order, terms, { occurredAt }) => ({
      ...at(order, 'placed'),
      terms,
      placedAt: occurredAt.toISOString(),
    }),
    orderConfirmed: (order) => at(order, 'confirmed'),
    orderHeld: (order) => ({ ...order, status: 'on-hold' }),
    orderReleased: (order, { stage }) => at(order, stage),
    orderAmended: (order, { stage, lines, net, salesperson, deliveryAddress, note }) => ({
      ...at(order, stage),
      terms: { ...order.terms, lines, net, salesperson, deliveryAddress, note },
    }),
    orderFulfilmentRecorded: (order, { lines, complete }) => ({
      ...at(order, complete ? 'fulfilled' : 'partially-fulfilled'),
      fulfilled: shifted(order.fulfilled, lines, 1),
    }),
    orderInvoiceRecorded: (order, { invoice, invoiced }) => ({
      ...order,
      invoices: order.invoices.add(invoice),
      invoiced,
    }),
    orderPaymentRecorded: (order, { amount }) => booked(order, { paid: amount }),
    orderPaymentRefunded: (order, { amount }) => booked(order, { paidBack: amount }),
    orderCompleted: (order) => ({ ...order, status: 'completed' }),
    orderCancelled: (order, { movedBack = '0' }) => ({
      ...booked(order, { moved: minus('0', movedBack) }),
      status: 'cancelled',
    }),
    orderAttached: (order, { contact }) => ({ ...order, attached: contact }),
    orderDetached: (order) => ({ ...order, attached: undefined }),
    orderReturnOpened: (order, { lines }) => ({ ...order, returned: shifted(order.returned, lines, 1) }),
    orderReturnReleased: (order, { lines }) => ({ ...order, returned: shifted(order.returned, lines, -1) }),
    orderReturnSettled: settled,
    orderReturnReopened: reopened,
    orderReplacementAssigned: (order, { return: of, order: from, value, moved, allowance }) => ({
      ...booked(order, { moved, allowance }),
      replaces: { return: of, order: from, value, moved },
    }),
  },
  // Money, papers and goods are often told late: each after what it depends on, whatever has been recorded since.
  dates: {
    orderPlaced: step({ marks: ['placing'] }),
    orderConfirmed: step({ marks: ['confirmation'] }),
    orderFulfilmentRecorded: { follows: ['confirmation'], marks: ['last step', 'last delivery'] },
    orderInvoiceRecorded: late('placing', 'confirmation'),
    orderPaymentRecorded: { follows: ['placing'], marks: ['last payment'] },
    // Money goes back after it came, and after what left it over.
    orderAmended: step({ marks: ['last amendment'] }),
    orderCancelled: step({ follows: ['last payment'], marks: ['cancellation'] }),
    orderPaymentRefunded: {
      follows: ['placing', 'last payment', 'last amendment', 'last settlement', 'cancellation'],
      marks: ['last payment'],
    },
    orderReturnSettled: {
      follows: ['placing', 'last delivery', 'last payment'],
      marks: ['last settlement', 'last payment'],
    },
    orderReturnReopened: late('last settlement'),
    orderReplacementAssigned: { follows: ['placing'], marks: ['last payment'] },
    orderAttached: { follows: ['placing', 'attachment'], marks: ['attachment'] },
    orderDetached: { follows: ['attachment'], marks: ['attachment'] },
    // A return is dated by its own stream; goods come back after they were delivered.
    orderReturnOpened: late('placing', 'last delivery'),
    orderReturnReleased: late('placing', 'last delivery'),
  },
  // Fixed by the first event: attaching a walk-in order later must not move its stream to another partition.
  subject: (order, id) => order.terms.contact ?? id,
});

/** The fields that every event of an order repeats. */
export const aboutOrder = ({ terms: { contact, number, currency } }: OrderState) => ({ contact, number, currency });

/**
 * What may still come back of each line: what was delivered less what other returns speak for. A completed
 * order was delivered in full; one recorded from another system has no deliveries of its own.
 */
export function returnable(order: OrderState): Map<number, string> {
  const { terms, status, fulfilled, returned } = order;
  return new Map(
    terms.lines.map(({ line, quantity }) => {
      const delivered = status === 'completed' ? quantity : quantityOf(fulfilled, line);
      return [line, max('0', minus(delivered, quantityOf(returned, line)))];
    }),
  );
}

/** True when, with these quantities delivered, nothing of these lines is left to deliver. */
export const isComplete = (lines: readonly LineQuantity[], fulfilled: Quantities): boolean =>
  lines.every(({ line, quantity }) => compare(quantityOf(fulfilled, line), quantity) >= 0);
