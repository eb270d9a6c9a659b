import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { orderCompleted } from '#contracts/sales/order.events.js';
import { returnRefunded } from '#contracts/sales/return.events.js';
import { instantOf } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { derivedId } from '#platform/kernel/ids.js';
import { Decimal, decimal } from '#platform/kernel/money.js';
import { ask, askAll, createReadModelTables, type ReadModelTables } from '../../test/support/read-model-tables.js';
import { aliases } from './aliases/aliases.projection.js';
import { ordersByCustomerDay } from './orders-by-customer-day/orders-by-customer-day.projection.js';
import { profile } from './profile/profile.projection.js';
import { salesSummary } from './orders-by-customer-day/orders-by-customer-day.query.js';
import { rfm, rfmCustomers } from './rfm/rfm.query.js';

const file = process.env['YAD_ONLINE_RETAIL'] ?? '../shared/data/online-retail.csv.gz';
const there = existsSync(file);
if (!there) console.warn(`the figures of Online Retail are not checked: ${file} is not there`);

interface Document {
  number: string;
  customer?: string;
  at: string;
  net: number;
  lines: number;
  saleLines: number;
  saleValue: number;
}

const THOUSANDTHS = 1000;
const amount = (thousandths: number): string => decimal(new Decimal(thousandths).div(THOUSANDTHS));

/** The invoices of the file, amounts in whole thousandths of a pound. */
function invoices(): Document[] {
  const found = new Map<string, Document>();
  for (const line of parse(gunzipSync(readFileSync(file)), { columns: true }) as Record<string, string>[]) {
    const number = line['InvoiceNo']!;
    const customer = line['CustomerID']!.replace(/\.0$/, '') || undefined;
    const document = found.get(number) ?? {
      number,
      customer,
      at: line['InvoiceDate']!.replace(' ', 'T'),
      net: 0,
      lines: 0,
      saleLines: 0,
      saleValue: 0,
    };
    const quantity = Number(line['Quantity']);
    const price = Math.round(Number(line['UnitPrice']) * THOUSANDTHS);
    document.net += quantity * price;
    document.lines++;
    if (quantity > 0 && price > 0) {
      document.saleLines++;
      document.saleValue += quantity * price;
    }
    found.set(number, document);
  }
  return [...found.values()];
}

const zone = 'Europe/London';

/** The event that an import of the invoice ends in. */
function eventOf({ number, customer, at, net, lines, saleLines, saleValue }: Document, index: number): RecordedEvent {
  const occurredAt = instantOf(at, zone);
  const contact = customer && derivedId('contact', customer);
  const id = derivedId('document', number);
  const about = { contact, number, currency: 'GBP', zone };
  const placedAt = occurredAt.toISOString();
  const kind = number.startsWith('A') ? ('adjustment' as const) : ('sale' as const);
  const event = number.startsWith('C')
    ? returnRefunded({ ...about, net: amount(-net), credited: '0', lineCount: lines })
    : orderCompleted({ ...about, kind, placedAt, net: amount(net), lines, saleLines, saleValue: amount(saleValue) });
  return {
    id,
    aggregate: number.startsWith('C') ? 'return' : 'order',
    aggregateId: id,
    revision: 1,
    position: BigInt(index + 1),
    type: event.contract.type,
    schemaVersion: 1,
    occurredAt,
    recordedAt: occurredAt,
    subject: contact ?? id,
    commandId: id,
    meta: { actor: 'spec' },
    data: event.data,
  };
}

(there ? describe : describe.skip)('Online Retail', () => {
  let read: ReadModelTables;
  let events: RecordedEvent[];
  beforeAll(async () => {
    events = invoices().map(eventOf);
    read = await createReadModelTables([profile, aliases, ordersByCustomerDay]);
    await read.fold(events);
  }, 60_000);
  afterAll(() => read?.drop());

  it('has the documents, customers and net of the file', async () => {
    expect(await ask(salesSummary, read, { currency: 'GBP' })).toMatchObject({
      documents: 25_900,
      creditNotes: 3_836,
      adjustments: 3,
      customers: 4_372,
      net: '9747747.934',
      customerSales: { lines: 397_884, orders: 18_532, customers: 4_338, value: '8911407.904' },
    });
  });

  it('has the published quintile bounds as of 2011-12-10', async () => {
    const report = await ask(rfm, read, { day: '2011-12-10', currency: 'GBP' });
    expect(report.thresholds).toEqual({
      recency: ['13.8', '33', '72', '180'],
      frequency: ['1', '2', '3', '6'],
      monetary: ['250.194', '490.096', '942.276', '2058.426'],
    });
    expect([report.population, report.orders, report.value]).toEqual([4_338, 18_532, '8911407.904']);
    const counted = report.segments.reduce((sum: number, { customers }: any) => sum + customers, 0);
    expect(counted).toBe(4_338);
  });

  it('says as of 2011-06-01 what a system says that knows only the days before it', async () => {
    const asked = { day: '2011-06-01', currency: 'GBP' };
    const report = await ask(rfm, read, asked);
    const customers = await askAll(rfmCustomers, read, { ...asked, limit: '1000' });
    await read.fold(events.filter(({ occurredAt }) => occurredAt < instantOf('2011-06-01T00:00:00', zone)));
    expect(await ask(rfm, read, asked)).toEqual(report);
    expect(await askAll(rfmCustomers, read, { ...asked, limit: '1000' })).toEqual(customers);
    expect(customers.length).toBeGreaterThan(2_000);
  });
});
