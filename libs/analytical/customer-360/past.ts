import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import * as back from '#contracts/sales/return.events.js';
import * as service from '#contracts/service/case.events.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { ExampleLog, idOf } from '../examples.js';

const zone = 'Europe/London';

/** What every event of an example's case repeats. */
export const caseAbout = (who: string) =>
  ({
    contact: who,
    kind: 'question',
    channel: 'web',
    priority: 'high',
    queue: 'shop',
    openedAt: '2026-01-05T09:00:00Z',
  }) as const;

/** The past of three contacts, ann, ben and cem, and what a specification adds to it. */
export class Past extends ExampleLog {
  constructor() {
    super();
    const tags = { ann: 'vip', ben: 'trade', cem: 'vip' };
    for (const [name, tag] of Object.entries(tags)) {
      const about = { kind: 'person', status: 'active', stage: 'customer' } as const;
      this.onContact(name, '2026-01-01', contact.contactRegistered({ ...about, name: { full: name }, tags: [tag] }));
    }
  }

  onContact(name: string, day: string, event: DomainEvent<any>): void {
    this.add({ stream: `contact-${idOf(name)}`, subject: idOf(name), on: `${day}T10:00:00Z` }, event);
  }

  sell(number: string, who: string | undefined, day: string, net: string, currency = 'GBP'): string {
    const id = idOf(`order ${number}`);
    const at = { stream: `order-${id}`, subject: who ?? id, on: `${day}T23:30:00Z` };
    const about = { contact: who, number, currency, zone, kind: 'sale' as const, net };
    this.add(at, order.orderPlaced({ ...about, lines: [{ line: 1, sku: 'A', quantity: '1', unitPrice: net }] }));
    const sums = { lines: 1, saleLines: 1, saleValue: net, placedAt: at.on };
    this.add(at, order.orderCompleted({ ...about, ...sums }));
    return id;
  }

  refund(number: string, who: string, day: string, net: string, order?: string): void {
    const at = { stream: `return-${idOf(number)}`, subject: who, on: `${day}T12:00:00Z` };
    const about = { contact: who, order, number, currency: 'GBP', zone };
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: net }];
    this.add(at, back.returnRequested({ ...about, lines, value: net }));
    this.add(at, back.returnRefunded({ ...about, net, credited: '0', lineCount: 1 }));
    this.add(at, back.returnClosed({ ...about, outcome: 'refunded', net }));
  }

  /** Takes goods back for others, which are an order of their own. */
  exchange(number: string, who: string, day: string, value: string): void {
    const at = { stream: `return-${idOf(number)}`, subject: who, on: `${day}T12:00:00Z` };
    const about = { contact: who, number, currency: 'GBP', zone };
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: value }];
    this.add(at, back.returnRequested({ ...about, lines, value }));
    this.add(at, back.returnExchanged({ ...about, replacement: idOf('replacement'), value, lineCount: 1, lines }));
  }

  openCase(name: string, who: string): void {
    const at = { stream: `case-${idOf(name)}`, subject: who, on: '2026-01-05T09:00:00Z' };
    this.add(at, service.caseOpened({ ...caseAbout(who), status: 'new', title: name }));
  }

  merge(from: string, into: string, status: 'active' | 'identified' = 'active'): void {
    this.onContact(from, '2026-02-01', contact.contactMerged({ into: idOf(into), previousStatus: status }));
    this.onContact(into, '2026-02-01', contact.contactAbsorbed({ merged: idOf(from) }));
  }

  unmerge(name: string, from: string, status: 'active' | 'identified' = 'active'): void {
    this.onContact(name, '2026-02-02', contact.contactUnmerged({ from: idOf(from), status }));
    this.onContact(from, '2026-02-02', contact.contactReleased({ unmerged: idOf(name) }));
  }
}
