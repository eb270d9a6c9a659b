import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { streamName, type StoredEvent } from '#platform/kernel/envelope.js';
import { Program, yad } from '../end-to-end/processes.js';
import type { Fleet } from './fleet.js';

const INVOICES = 800;
const CUSTOMERS = 120;

/** A shop whose books come in files, one after the other, for as long as it is open. */
export class Shop {
  invoices = 0;
  cents = 0n;
  files = 0;
  killed = 0;
  private open = true;
  private cli: Program | undefined;

  constructor(
    private readonly folder: string,
    private readonly fleet: Fleet,
  ) {}

  /** Imports file after file until closed; an import that is killed or fails is run again. */
  async trade(): Promise<void> {
    while (this.open) {
      const file = this.write();
      for (;;) {
        const args = ['import', file, '--map', 'online-retail', '--url', this.fleet.url('operations')];
        this.cli = new Program('cli/main.js', { args, cwd: this.folder });
        const { code, output } = await this.cli.ended;
        if (/lines refused/.test(output)) throw new Error(`lines were refused: ${output}`);
        if (code === 0) break;
        await sleep(100);
      }
    }
  }

  killImport(): void {
    this.killed++;
    this.cli?.signal('SIGKILL');
  }

  close(): void {
    this.open = false;
  }

  private write(): string {
    const rows = ['InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'];
    for (let i = 0; i < INVOICES; i++) {
      const no = 100_000 + this.invoices++;
      // Now and then a sale without a customer.
      const customer = no % 11 === 0 ? '' : String(1 + (no % CUSTOMERS));
      for (let line = 0; line < 1 + (no % 3); line++) {
        const cents = 50 + ((no * 7 + line) % 900);
        this.cents += BigInt(cents * 2);
        rows.push(
          `${no},S${line},THING,2,2011-05-0${1 + (no % 9)} 10:00:00,${(cents / 100).toFixed(2)},${customer},UK`,
        );
      }
    }
    const file = join(this.folder, `books-${this.files++}.csv`);
    writeFileSync(file, `${rows.join('\n')}\n`);
    return file;
  }

  /** Net of all invoices, as the read models write it. */
  get net(): string {
    const text = this.cents.toString().padStart(3, '0');
    return `${text.slice(0, -2)}.${text.slice(-2)}`.replace(/\.?0+$/, '');
  }
}

/** All events of a store, in order. */
export async function eventsOf(url: string): Promise<StoredEvent[]> {
  const store = await PostgresEventStore.connect({ url });
  try {
    const all: StoredEvent[] = [];
    for (;;) {
      const page = await store.readAll({ after: all.at(-1)?.position ?? 0n, limit: 5000 });
      if (page.length === 0) return all;
      all.push(...page);
    }
  } finally {
    await store.close();
  }
}

/** What is wrong with a log that should hold each invoice of the shop once, whole, without a hole. */
export function wrongInLog(events: readonly StoredEvent[], shop: Shop): string[] {
  const wrong: string[] = [];
  if (events.some(({ position }, i) => position !== BigInt(i + 1))) wrong.push('positions have a hole');
  const byStream = new Map<string, number>();
  const numbers = new Map<string, number>();
  for (const event of events) {
    const { revision, type, data } = event;
    const stream = streamName(event);
    if (revision !== (byStream.get(stream) ?? 0)) wrong.push(`${stream}: revision ${revision} is out of order`);
    byStream.set(stream, revision + 1);
    if (type !== 'crm.sales.order.placed') continue;
    const { number } = JSON.parse(data) as { number: string };
    numbers.set(number, (numbers.get(number) ?? 0) + 1);
  }
  if (numbers.size !== shop.invoices) wrong.push(`${numbers.size} invoices are stored, ${shop.invoices} were sent`);
  for (const [number, times] of numbers) if (times !== 1) wrong.push(`invoice ${number} is stored ${times} times`);
  for (const [stream, length] of byStream) {
    if (stream.startsWith('order-') && length !== 2) wrong.push(`${stream} has ${length} events`);
  }
  return wrong.slice(0, 10);
}

/** Compares the read models with the log: by totals that answer a query, and byte for byte. */
export async function readModelsOf(fleet: Fleet, databaseUrl: string, position: bigint): Promise<any> {
  const asked = `${fleet.url('analytics')}/v1/analytics/sales-summary?currency=GBP&minPosition=${position}`;
  let summary: any;
  for (const until = Date.now() + 120_000; ; await sleep(250)) {
    const response = await fetch(asked).catch(() => undefined);
    if (response?.ok) {
      summary = ((await response.json()) as any).data;
      break;
    }
    if (Date.now() > until) throw new Error(`the read models do not reach ${position}`);
  }
  await yad(['replay', '--verify'], { DATABASE_URL: databaseUrl });
  return { documents: summary.documents, net: summary.net };
}
