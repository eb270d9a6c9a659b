import { minus, payable, plus } from '#platform/kernel/money.js';
import { max } from '../amounts.js';
import type { OrderState } from './order.aggregate.js';

// What an order comes to and what was paid for it (ADR 13). Money goes out of an order in three ways, the refund of a
// payment, the refund of a return and an exchange, and each takes at most what is held: so no more goes out than came in.

/** What has passed for an order, beside its net. */
export interface Account {
  /** Received in payments. */
  readonly paid: string;
  /** Paid back: refunds of payments and of returns. */
  readonly paidBack: string;
  /** Moved here by exchanges, less what they moved away. */
  readonly moved: string;
  /** Exact worth of the goods that refunded and exchanged returns took back. */
  readonly takenBack: string;
  /** Kept of that as fees. */
  readonly kept: string;
  /** Taken off for goods of another, unknown order that this order replaces. */
  readonly allowance: string;
}

export const noAccount: Account = {
  paid: '0',
  paidBack: '0',
  moved: '0',
  takenBack: '0',
  kept: '0',
  allowance: '0',
};

type PaidOrder = Pick<OrderState, 'status' | 'terms' | 'account'>;

/** What is held of the customer's money: never negative. */
export const held = ({ account: { paid, moved, paidBack } }: Pick<OrderState, 'account'>): string =>
  minus(plus(paid, moved), paidBack);

/** What can still go out for goods that come back, when so much more is kept as a fee: fees are kept of what is held. */
export const spendable = (order: Pick<OrderState, 'account'>, kept: string): string =>
  max('0', minus(held(order), plus(order.account.kept, kept)));

/** What the goods that stay with the customer cost, rounded once, so that returns one by one add up to the whole. */
const charged = ({ terms: { net, currency }, account: { takenBack } }: PaidOrder, less = '0'): string =>
  payable(minus(net, plus(takenBack, less)), currency);

/** What the order comes to, in the currency's minor unit. Below 0 where goods without their discount came back. */
function due(order: PaidOrder): string {
  if (order.status === 'cancelled') return '0';
  const { kept, allowance } = order.account;
  return minus(plus(charged(order), kept), allowance);
}

/** What is still to be paid: 0 or above, and can be paid to the last unit. */
export const outstanding = (order: PaidOrder): string => max('0', minus(due(order), held(order)));

/** What is held above what the order comes to, and can be paid back: 0 or above. */
export const overpaid = (order: PaidOrder): string => max('0', minus(held(order), max('0', due(order))));

/** How the order stands, as its events say it. */
export const standing = (order: PaidOrder): { outstanding: string; overpaid: string } => ({
  outstanding: outstanding(order),
  overpaid: overpaid(order),
});

/** What the customer gets for goods of this exact worth, paid back or taken off: what the order comes to less. */
export const creditFor = (order: PaidOrder, value: string): string => minus(charged(order), charged(order, value));

/** The order with changes to its account: amounts to add by name, below 0 to take away. */
export function booked<O extends Pick<OrderState, 'account'>>(order: O, changes: Partial<Account>): O {
  const account: Record<string, string> = { ...order.account };
  for (const [name, amount] of Object.entries(changes)) account[name] = plus(account[name]!, amount);
  return { ...order, account: account as unknown as Account };
}

const negative = (amount: string): string => minus('0', amount);

/** What a settled return did to the order of its goods. */
export interface Settlement {
  readonly value: string;
  readonly kept: string;
  readonly paidBack: string;
  readonly moved: string;
}

/** The order after a return of its goods was refunded or exchanged. */
export const settled = <O extends Pick<OrderState, 'account'>>(order: O, done: Settlement): O =>
  booked(order, { takenBack: done.value, kept: done.kept, paidBack: done.paidBack, moved: negative(done.moved) });

/** The order after the exchange of a return of its goods was undone. */
export const reopened = <O extends Pick<OrderState, 'account'>>(
  order: O,
  undone: Pick<Settlement, 'value' | 'moved'>,
): O => booked(order, { takenBack: negative(undone.value), moved: undone.moved });
