import {
  contactArchived,
  contactBlocked,
  contactMerged,
  contactRegistered,
} from '#contracts/contacts/contact.events.js';
import {
  orderCompleted,
  orderConfirmed,
  orderFulfilmentRecorded,
  orderHeld,
  orderPaymentRecorded,
  orderPlaced,
} from '#contracts/sales/order.events.js';
import type { LineQuantity } from '#contracts/sales/order-line.js';
import {
  returnAuthorised,
  returnInspected,
  returnReceived,
  returnRefunded,
  returnRequested,
} from '#contracts/sales/return.events.js';

// What the specifications of orders and returns have in common: two teapots and six cups for 30.10 GBP.

export const customer = '0198f3a0-0000-7000-8000-00000000c001';
export const orderId = '0198f3a0-0000-7000-8000-00000000d001';
/** The id that `specify` decides on. */
export const specId = '00000000-0000-7000-8000-000000000001';

export const teapots = { line: 1, sku: 'TEAPOT', quantity: '2', unitPrice: '12.5' };
export const cups = { line: 2, sku: 'CUP', quantity: '6', unitPrice: '0.85' };
const gbp = { currency: 'GBP' };

export const terms = { ...gbp, kind: 'sale' as const, zone: 'Europe/London', lines: [teapots, cups], net: '30.1' };
export const placed = orderPlaced(terms);
export const confirmed = orderConfirmed({ ...gbp, net: '30.1' });
export const held = orderHeld({ ...gbp, reason: 'credit-check' });
export const delivered = (complete: boolean, ...lines: LineQuantity[]) =>
  orderFulfilmentRecorded({ ...gbp, lines, complete });
export const deliveredAll = delivered(true, { line: 1, quantity: '2' }, { line: 2, quantity: '6' });
/** A payment for this order, and what it leaves. */
export const paid = (amount: string, outstanding: string, overpaid = '0') =>
  orderPaymentRecorded({ ...gbp, amount, method: 'card', outstanding, overpaid });
export const completed = orderCompleted({
  ...gbp,
  kind: 'sale',
  zone: 'Europe/London',
  placedAt: '2026-01-15T12:00:00.000Z',
  net: '30.1',
  lines: 2,
  saleLines: 2,
  saleValue: '30.1',
});

export const aboutGoods = { ...gbp, zone: 'Europe/London' };
export const ofOrder = { ...aboutGoods, order: orderId };
export const requested = returnRequested({ ...ofOrder, lines: [teapots], value: '25' });
export const authorised = returnAuthorised({ ...ofOrder, value: '25' });
export const received = returnReceived({ ...ofOrder, lines: [{ line: 1, quantity: '2' }] });
export const inspected = (accepted: string, acceptedValue: string) =>
  returnInspected({ ...ofOrder, lines: [{ line: 1, received: '2', accepted }], acceptedValue });
export const refunded = returnRefunded({ ...ofOrder, net: '25', credited: '0', lineCount: 1, lines: [teapots] });

const known = contactRegistered({ kind: 'person', status: 'active', stage: 'customer' });
export const archivedContact = contactArchived({ reason: 'gone', status: 'archived', previousStatus: 'active' });
/** The pasts of a contact that decide whether something may happen to it. */
export const contacts = {
  known: [known],
  blocked: [known, contactBlocked({ reason: 'fraud', status: 'blocked', previousStatus: 'active' })],
  archived: [known, archivedContact],
  merged: [known, contactMerged({ into: orderId, previousStatus: 'active' })],
  erased: [contactRegistered({ kind: 'person', status: 'erased', stage: 'customer' })],
};
