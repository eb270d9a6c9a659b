import * as orders from '#contracts/sales/order.events.js';
import * as returns from '#contracts/sales/return.events.js';
import { Decimal, decimal, minus, plus } from '#platform/kernel/money.js';
import { fold, type Fold } from '#platform/kernel/policy-state.js';

/** What a contact, or a walk-in order, has bought and kept. A few dozen bytes, however much that is. */
export interface Purchases {
  /** Whose it is: the contact, or the one that the walk-in order is attached to. */
  readonly contact: string | null;
  /** Exact worth of what was bought less what came back, by currency. */
  readonly kept: Readonly<Record<string, string>>;
  /** Orders that replace goods and are not completed yet: who exchanges does not cease to be a customer. */
  readonly replacements: readonly string[];
  /** Whether that is anything, after the last event and before it. */
  readonly has: boolean;
  readonly had: boolean;
}

export const noPurchases: Purchases = { contact: null, kept: {}, replacements: [], has: false, had: false };

/** Exchanges under way that are remembered; more of one customer at once are forgotten, the oldest first. */
const MOST_REPLACEMENTS = 50;

type Change = Partial<Pick<Purchases, 'contact' | 'kept' | 'replacements'>>;

function changed(before: Purchases, change: Change): Purchases {
  const after = { ...before, ...change, had: before.has };
  const isWorth = Object.values(after.kept).some((worth) => new Decimal(worth).gt(0));
  return { ...after, has: isWorth || after.replacements.length > 0 };
}

const worth = ({ kept }: Purchases, currency: string, more: string) => ({
  ...kept,
  [currency]: plus(kept[currency] ?? '0', more),
});
const negative = (amount: string): string => minus('0', amount);
const without = (ids: readonly string[], id: string): readonly string[] => ids.filter((each) => each !== id);

type ReturnLines = NonNullable<Parameters<typeof returns.returnRefunded>[0]['lines']>;

/** What the goods were bought for. Those of a discount line alone are worth nothing. */
function worthOf(lines: ReturnLines): string {
  const sum = lines.reduce(
    (total, line) => total.plus(new Decimal(line.quantity).times(line.unitPrice)),
    new Decimal(0),
  );
  return decimal(Decimal.max(sum, 0));
}

export const purchaseFolds: readonly Fold<Purchases>[] = [
  fold(orders.orderCompleted, (before: Purchases, { aggregateId, data: { contact, kind, currency, net } }) =>
    changed(before, {
      contact: contact ?? before.contact,
      // A correction of the books is no purchase.
      kept: kind === 'sale' ? worth(before, currency, net) : before.kept,
      replacements: without(before.replacements, aggregateId),
    }),
  ),
  fold(returns.returnRefunded, (before: Purchases, { data: { currency, lines, net, credited } }) =>
    changed(before, { kept: worth(before, currency, negative(lines ? worthOf(lines) : plus(net, credited))) }),
  ),
  fold(returns.returnExchanged, (before: Purchases, { data: { currency, value, replacement } }) =>
    changed(before, {
      kept: worth(before, currency, negative(value)),
      replacements: [...without(before.replacements, replacement), replacement].slice(-MOST_REPLACEMENTS),
    }),
  ),
  fold(returns.returnExchangeUndone, (before: Purchases, { data: { currency, value, replacement } }) =>
    changed(before, {
      kept: worth(before, currency, value),
      replacements: without(before.replacements, replacement),
    }),
  ),
  fold(orders.orderAttached, (before: Purchases, { data: { contact } }) => changed(before, { contact })),
  fold(orders.orderDetached, (before: Purchases) => changed(before, { contact: null })),
];
