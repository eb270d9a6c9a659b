import type { RecordedEvent } from '#platform/kernel/envelope.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { derivedId, newId } from '#platform/kernel/ids.js';
import type { Customer } from './customer-360/customer.table.js';
import type { OrdersByCustomerDay } from './orders-by-customer-day/orders-by-customer-day.table.js';

// What the specifications of the read models have in common.

/** A row of `orders_by_customer_day` on which nothing happened but what is given. */
export const aDay = (given: Partial<OrdersByCustomerDay> & { subject: string; day: string }): OrdersByCustomerDay => ({
  currency: 'GBP',
  contact: true,
  orders: 0,
  adjustments: 0,
  lines: 0,
  value: '0',
  sale_orders: 0,
  sale_lines: 0,
  sale_value: '0',
  returns: 0,
  return_lines: 0,
  refunds: '0',
  credited: '0',
  exchanges: 0,
  exchanged: '0',
  ...given,
});

/** A registered person. */
export const aCustomer = (subject: string, given: Partial<Customer> = {}): Customer => ({
  subject,
  kind: 'person',
  status: 'active',
  status_before: null,
  absorbed: 0,
  stage: 'customer',
  name: '',
  details: {},
  points: [],
  identities: [],
  attributes: {},
  facts: [],
  tags: [],
  owner: null,
  origin: null,
  ...given,
});

/** The id that goes by a name in a specification. */
export const idOf = (name: string): string => derivedId('example', name);

/** A log that numbers what is written to it: positions, revisions, the envelope. */
export class ExampleLog {
  readonly events: RecordedEvent[] = [];
  private readonly revisions = new Map<string, number>();

  /** Adds an event to `<aggregate>-<id>`; its data go through the contract, as the store's do. */
  add(at: { stream: string; subject: string; on: string }, event: DomainEvent<any>): RecordedEvent {
    const revision = this.revisions.get(at.stream) ?? 0;
    this.revisions.set(at.stream, revision + 1);
    const recorded = {
      id: newId(),
      stream: at.stream,
      revision,
      position: BigInt(this.events.length + 1),
      type: event.contract.type,
      schemaVersion: event.contract.version,
      subject: at.subject,
      occurredAt: new Date(at.on),
      recordedAt: new Date(at.on),
      commandId: newId(),
      meta: { actor: 'example' },
      data: JSON.parse(JSON.stringify(event.contract.schema.parse(event.data))),
    };
    this.events.push(recorded);
    return recorded;
  }
}
