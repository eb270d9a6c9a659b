import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { derivedId } from '#platform/kernel/ids.js';
import { createReadModelTables, ask, askAll, type ReadModelTables } from '../../../test/support/read-model-tables.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { Alias, AliasChange } from '../aliases/alias.table.js';
import { Customer } from '../profile/customer.table.js';
import { aCustomer } from '#test/fixtures/read-models.fixture.js';
import { OrdersByCustomerDay } from '../orders-by-customer-day/orders-by-customer-day.table.js';
import { ordersByCustomerDay } from '../orders-by-customer-day/orders-by-customer-day.projection.js';
import { aDay } from '#test/fixtures/read-models.fixture.js';
import { customerRfm, rfm, rfmCustomers } from './rfm.query.js';
import { scoreParameters } from './rfm-parameters.js';
import { scores } from './rfm-scores.js';

const who = (n: number): string => derivedId('customer', String(n));
const since = new Date('2026-01-01T00:00:00Z');

let read: ReadModelTables;
beforeAll(async () => {
  read = await createReadModelTables([profile, aliases, ordersByCustomerDay]);
});
afterAll(() => read.drop());
beforeEach(() => read.empty());

const sold = (subject: string, day: string, orders: number, value: string, more: Partial<OrdersByCustomerDay> = {}) =>
  aDay({ subject, day, orders, sale_orders: orders, sale_lines: orders, sale_value: value, value, ...more });
const asked = { day: '2026-02-01', currency: 'GBP' };

describe('RFM', () => {
  it('bounds the scores by linear interpolation, exactly', async () => {
    // 1 to 6 days ago, 1 to 6 orders, 0.01 to 0.06: the bounds lie at 1/5, 2/5, … of the way from first to last.
    await read.insert(
      OrdersByCustomerDay,
      [1, 2, 3, 4, 5, 6].map((n) => sold(who(n), `2026-01-${32 - n}`, n, `0.0${n}`)),
    );
    const report = await ask(rfm, read, asked);
    expect(report.thresholds).toEqual({
      recency: ['2', '3', '4', '5'],
      frequency: ['2', '3', '4', '5'],
      monetary: ['0.02', '0.03', '0.04', '0.05'],
    });
    await read.insert(OrdersByCustomerDay, [sold(who(7), '2026-01-20', 9, '0.10')]);
    const seven = await ask(rfm, read, asked);
    // Place 6/5 = 1.2 of 1, 2, 3, 4, 5, 6, 9 is 2.2; of money 0.022.
    expect(seven.thresholds.frequency).toEqual(['2.2', '3.4', '4.6', '5.8']);
    expect(seven.thresholds.monetary).toEqual(['0.022', '0.034', '0.046', '0.058']);
    expect([seven.population, seven.orders, seven.value]).toEqual([7, 30, '0.31']);
    expect(seven.segments.reduce((sum: number, { customers }: any) => sum + customers, 0)).toBe(7);
  });

  it('gives equal values equal scores, and the freshest the best', async () => {
    const days = ['2026-01-31', '2026-01-31', '2026-01-31', '2026-01-31', '2025-01-01'];
    await read.insert(
      OrdersByCustomerDay,
      days.map((day, n) => sold(who(n), day, 1, '5')),
    );
    const scores = await askAll(rfmCustomers, read, asked);
    expect(scores.map(({ recency, r, f, m }) => [recency, r, f, m]).toSorted()).toEqual([
      [1, 5, 1, 1],
      [1, 5, 1, 1],
      [1, 5, 1, 1],
      [1, 5, 1, 1],
      [396, 1, 1, 1],
    ]);
  });

  it('looks at the days before the one asked for, one currency, and sales only', async () => {
    await read.insert(OrdersByCustomerDay, [
      sold(who(1), '2026-01-10', 2, '10'),
      sold(who(1), '2026-02-01', 1, '99'),
      sold(who(1), '2026-01-30', 1, '77', { currency: 'EUR' }),
      aDay({ subject: who(1), day: '2026-01-31', adjustments: 1, value: '50' }),
      aDay({ subject: who(2), day: '2026-01-31', returns: 1, refunds: '50' }),
    ]);
    expect(await askAll(rfmCustomers, read, asked)).toMatchObject([
      { customer: who(1), lastPurchaseOn: '2026-01-10', recency: 22, frequency: 2, monetary: '10' },
    ]);
    expect((await ask(rfm, read, { ...asked, day: '2026-02-02' })).value).toBe('109');
  });

  it('means today in the zone when no day is named', async () => {
    const now = new Date('2026-01-31T20:00:00Z');
    const inTokyo = await ask(rfm, read, { currency: 'GBP', zone: 'Asia/Tokyo' }, { now });
    expect(inTokyo.day).toBe('2026-02-01');
    expect((await ask(rfm, read, { currency: 'GBP' }, { now })).day).toBe('2026-01-31');
  });

  it('has no bounds where nobody bought', async () => {
    const report = await ask(rfm, read, asked);
    expect(report).toMatchObject({ population: 0, value: '0', thresholds: { recency: null, monetary: null } });
  });

  it('counts walk-ins only when they are attached, and merged contacts with their survivor', async () => {
    const walkIn = who(9);
    await read.insert(
      Customer,
      [1, 2, 3].map((n) => aCustomer(who(n))),
    );
    await read.insert(OrdersByCustomerDay, [
      sold(who(1), '2026-01-10', 1, '10'),
      sold(who(2), '2026-01-20', 1, '20'),
      sold(who(3), '2026-01-25', 1, '5'),
      sold(walkIn, '2026-01-30', 1, '40', { contact: false }),
    ]);
    expect(await ask(rfm, read, asked)).toMatchObject({ population: 3, value: '35' });
    // The walk-in was 1's, 1 is 2, and 2 is 3: a chain.
    await read.insert(Alias, [
      { subject: walkIn, target: who(1), reason: 'attached', since },
      { subject: who(1), target: who(2), reason: 'merged', since },
      { subject: who(2), target: who(3), reason: 'merged', since },
    ]);
    const figures = { recency: 2, frequency: 4, monetary: '75' };
    expect(await askAll(rfmCustomers, read, asked)).toMatchObject([{ customer: who(3), ...figures }]);
    const answer = await ask(customerRfm, read, { ...asked, id: who(1) });
    expect(answer).toMatchObject({ customer: who(3), mergedInto: who(3), score: figures });
  });

  it('scores one customer, or says that there is nothing to score', async () => {
    await read.insert(Customer, [aCustomer(who(1)), aCustomer(who(2))]);
    await read.insert(OrdersByCustomerDay, [sold(who(1), '2026-01-10', 1, '10')]);
    expect((await ask(customerRfm, read, { ...asked, id: who(1) })).score).toMatchObject({ r: 5, segment: 'new' });
    expect((await ask(customerRfm, read, { ...asked, id: who(2) })).score).toBeNull();
    await expect(ask(customerRfm, read, { ...asked, id: who(3) })).rejects.toThrow(`no customer ${who(3)}`);
  });

  it('walks all customers once in either order, and filters by segment and score', async () => {
    await read.insert(
      OrdersByCustomerDay,
      Array.from({ length: 57 }, (_, n) => sold(who(n), `2026-01-${10 + (n % 20)}`, 1 + (n % 7), String((n * 7) % 11))),
    );
    const all = await askAll(rfmCustomers, read, { ...asked, limit: '1000' });
    expect(all).toHaveLength(57);
    expect(await askAll(rfmCustomers, read, { ...asked, limit: '4' })).toEqual(all);
    const byValue = await askAll(rfmCustomers, read, { ...asked, limit: '4', sort: 'value' });
    expect(new Set(byValue)).toEqual(new Set(all));
    const worth = byValue.map(({ monetary }) => Number(monetary));
    expect(worth).toEqual(worth.toSorted((a, b) => b - a));
    const { segment, r } = all[0];
    const some = await askAll(rfmCustomers, read, { ...asked, limit: '4', segment, r: String(r) });
    expect(some).toEqual(all.filter((one) => one.segment === segment && one.r === r));
  });

  describe('of one customer', () => {
    const fixed = {
      method: 'fixed',
      recencyBounds: '7,14,30,90',
      frequencyBounds: '1,2,3,4',
      monetaryBounds: '1,5,8,20',
    };
    const days = Array.from({ length: 40 }, (_, n) =>
      sold(who(n), `2026-01-${10 + (n % 20)}`, 1 + (n % 7), String((n * 7) % 11)),
    );
    /** Counts the statements that look at everybody; events that change rows stand beyond what the spec says. */
    const watched = (after: () => number) => {
      const seen = { everybody: 0 };
      const rows: ReadModelTables['rows'] = (sql, parameters) => {
        if (sql.includes('purchases as')) seen.everybody++;
        return read.rows(sql, parameters);
      };
      const states = () => ({ now: `'${after()}'::text`, changedAfter: (earlier: string) => `(${earlier})::bigint` });
      return { seen, rows, states };
    };

    it('is what the list of all says, by quintiles and by fixed bounds, with merged contacts and attached orders', async () => {
      await read.insert(OrdersByCustomerDay, [...days, sold(who(99), '2026-01-31', 9, '500', { contact: false })]);
      await read.insert(
        Customer,
        Array.from({ length: 40 }, (_, n) => aCustomer(who(n))),
      );
      await read.insert(Alias, [
        { subject: who(99), target: who(3), reason: 'attached', since },
        { subject: who(3), target: who(4), reason: 'merged', since },
      ]);
      for (const method of [{}, fixed]) {
        const all = await askAll(rfmCustomers, read, { ...asked, ...method });
        expect(all).toHaveLength(39);
        for (const { customer, ...score } of all) {
          expect((await ask(customerRfm, read, { ...asked, ...method, id: customer })).score).toEqual(score);
        }
      }
    });

    it('looks at everybody once for a day while nothing before it changes, and for fixed bounds never', async () => {
      let position = 10;
      const { seen, ...watching } = watched(() => position);
      await read.insert(OrdersByCustomerDay, days);
      await read.insert(Customer, [aCustomer(who(1)), aCustomer(who(2)), aCustomer(who(50))]);
      const score = async (id: string, more: object = {}) =>
        (await ask(customerRfm, watching, { ...asked, id, ...more })).score;
      expect(await score(who(1), fixed)).toMatchObject({ recency: 21 });
      expect(seen.everybody).toBe(0);
      const first = await score(who(1));
      expect([await score(who(1)), (await score(who(2))) !== null, await score(who(50))]).toEqual([first, true, null]);
      expect(seen.everybody).toBe(1);
      await score(who(1), { day: '2026-01-25' });
      expect(seen.everybody).toBe(2);
      /** Everybody else buys much more. */
      const sell = async (day: string, more: Partial<OrdersByCustomerDay> = {}) => {
        const changed_at = BigInt(++position);
        const others = Array.from({ length: 200 }, (_, n) =>
          sold(who(1000 * position + n), day, 50, '900', { ...more, changed_at }),
        );
        await read.insert(OrdersByCustomerDay, others);
      };
      await sell('2026-02-01');
      await sell('2026-01-31', { currency: 'EUR' });
      expect(await score(who(1))).toEqual(first);
      expect(seen.everybody).toBe(2);
      await sell('2026-01-31');
      expect(await score(who(1))).toMatchObject({ r: 1, f: 1, m: 1 });
      expect(seen.everybody).toBe(3);
      await score(who(1));
      expect(seen.everybody).toBe(3);
      // A merge, or its undoing.
      await read.insert(AliasChange, [{ subject: who(7), changed_at: BigInt(++position), past: [] }]);
      await score(who(1));
      expect(seen.everybody).toBe(4);
      // Nothing can be said of what has changed since the next state: there was a rebuild, or events were retried.
      position = -1;
      await score(who(1));
      await score(who(1));
      expect(seen.everybody).toBe(5);
    });

    it('looks at everybody again after a rebuild that left no row', async () => {
      let position = 1;
      const { seen, ...watching } = watched(() => position);
      await read.insert(OrdersByCustomerDay, days);
      await read.insert(Customer, [aCustomer(who(1))]);
      position = -1;
      await ask(customerRfm, watching, { ...asked, id: who(1) });
      await read.empty();
      await read.insert(Customer, [aCustomer(who(1))]);
      expect((await ask(customerRfm, watching, { ...asked, id: who(1) })).score).toBeNull();
      expect(seen.everybody).toBe(2);
    });

    it('looks at everybody again where more has changed than is worth looking through', async () => {
      let position = 1;
      const { seen, ...watching } = watched(() => position);
      await read.insert(Customer, [aCustomer(who(1))]);
      await read.insert(OrdersByCustomerDay, days);
      await ask(customerRfm, watching, { ...asked, id: who(1) });
      const today = Array.from({ length: 10_000 }, (_, n) => sold(who(n), '2026-02-01', 1, '1', { changed_at: 2n }));
      await read.insert(OrdersByCustomerDay, today.slice(1));
      await ask(customerRfm, watching, { ...asked, id: who(1) });
      expect(seen.everybody).toBe(1);
      position = 1;
      await read.insert(OrdersByCustomerDay, today.slice(0, 1));
      await ask(customerRfm, watching, { ...asked, id: who(1) });
      expect(seen.everybody).toBe(2);
    });

    it('remembers nothing where states cannot be told apart', async () => {
      const { seen, rows } = watched(() => 0);
      await read.insert(OrdersByCustomerDay, days);
      await read.insert(Customer, [aCustomer(who(1))]);
      for (let time = 0; time < 2; time++) await ask(customerRfm, { rows }, { ...asked, id: who(1) });
      expect(seen.everybody).toBe(2);
    });
  });

  it('takes fixed bounds, and refuses half of them', async () => {
    await read.insert(OrdersByCustomerDay, [sold(who(1), '2026-01-10', 3, '10.5')]);
    const fixed = { recencyBounds: '7,14,30,90', frequencyBounds: '1,2,3,4', monetaryBounds: '1,5,10.5,20' };
    const [one] = await askAll(rfmCustomers, read, { ...asked, method: 'fixed', ...fixed });
    expect([one.r, one.f, one.m]).toEqual([3, 3, 3]);
    await expect(ask(rfm, read, { ...asked, method: 'fixed' })).rejects.toMatchObject({
      issues: [{ pointer: '/recencyBounds' }],
    });
    await expect(ask(rfm, read, { ...asked, ...fixed })).rejects.toMatchObject({ kind: 'invalid-input' });
    await expect(ask(rfm, read, { ...asked, method: 'fixed', ...fixed, recencyBounds: '9,1,2,3' })).rejects.toThrow();
  });

  it('takes the bounds of an answer back as fixed ones, whatever their digits', async () => {
    const worth = ['1.000000000001', '2.000000000002', '30000000000000000000000.000000000007'];
    await read.insert(
      OrdersByCustomerDay,
      worth.map((value, n) => sold(who(n), `2026-01-1${n}`, n + 1, value)),
    );
    const { thresholds, segments } = await ask(rfm, read, asked);
    expect(thresholds.monetary[0]).toBe('1.4000000000014');
    const fixed = {
      recencyBounds: thresholds.recency.join(),
      frequencyBounds: thresholds.frequency.join(),
      monetaryBounds: thresholds.monetary.join(),
    };
    expect(await ask(rfm, read, { ...asked, method: 'fixed', ...fixed })).toMatchObject({ thresholds, segments });
  });

  it('works the bounds out once, not for each customer (inlined, they cost ten times the rest)', async () => {
    const parameters = scoreParameters({ ...asked, zone: 'UTC', method: 'independent' }, asked.day);
    const plan = await read.rows(`explain (costs off) ${scores} select * from scored`, parameters);
    const lines = plan.map((line) => String(line['QUERY PLAN']).trim());
    expect(lines).toContain('CTE thresholds');
    expect(lines.some((line) => line.startsWith('->  CTE Scan on thresholds'))).toBe(true);
  });
});
