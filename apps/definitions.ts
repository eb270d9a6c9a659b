import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { commands, policies, resources } from '#operational/index.js';
import type { DocumentWords } from '#platform/http/openapi/document.js';
import type { Definitions } from '#platform/runtime/composition.js';

/** What the API document says beside what follows from the definitions. */
const documentWords: DocumentWords = {
  // Of resources the definition itself says what they are.
  tags: {
    customers:
      'What is known of one customer, or of a list of them, over all that the contact has done; merges followed.',
    analytics: 'Figures over all customers: sales by day, recency, frequency and monetary value.',
    audit: 'The log itself: events as they were recorded, and any aggregate as it was at any moment.',
  },
  // What a person would send as a command, by its name, and write into a field, where its schema gives no example.
  samples: {
    RegisterContact: {
      kind: 'person',
      name: { given: 'Ada', family: 'Lovelace' },
      points: [{ reach: { kind: 'email', address: 'ada@example.org' } }],
    },
    PlaceOrder: {
      number: 'A-4711',
      currency: 'GBP',
      zone: 'Europe/London',
      channel: 'web',
      lines: [
        { sku: 'TEAPOT-BLUE', quantity: '1', unitPrice: '12.50' },
        { sku: 'CUP-BLUE', quantity: '6', unitPrice: '2.55' },
      ],
    },
    RequestReturn: {
      currency: 'GBP',
      zone: 'Europe/London',
      lines: [{ sku: 'CUP-BLUE', quantity: '1', unitPrice: '2.55', reason: 'damaged' }],
      note: 'One cup came without its handle.',
    },
    RecordPayment: { amount: '27.80', currency: 'GBP', method: 'card' },
    OpenCase: {
      kind: 'complaint',
      channel: 'email',
      title: 'The teapot came without its lid',
      description: 'I opened the parcel this morning, and there was no lid in it.',
    },
    account: 'ada-lovelace',
    actor: 'grace',
    address: { lines: ['12 St James Square'], locality: 'London', postalCode: 'SW1Y 4JH', country: 'GB' },
    assignee: 'grace',
    by: 'grace',
    category: 'delivery',
    channel: 'web',
    customer: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
    family: 'Lovelace',
    full: 'Ada Lovelace',
    given: 'Ada',
    invoice: 'INV-2041',
    key: 'C-10293',
    licence: 'CC-BY-4.0',
    aggregate: 'order',
    name: 'Ada Lovelace',
    note: 'Rang at noon: please deliver to the neighbour.',
    number: 'A-4711',
    origin: 'trade-fair',
    owner: 'grace',
    party: 'Royal Mail',
    queue: 'deliveries',
    remarks: 'Prefers to be called in the morning.',
    resolution: 'replaced',
    salesperson: 'grace',
    position: '1234',
    sku: 'TEAPOT-BLUE',
    source: 'Companies House',
    state: { status: 'placed' },
    stream: 'order-0198f3a0-1b2c-7d3e-8f40-123456789abc',
    system: 'webshop',
    tags: ['trade-fair'],
    text: 'We are sorry: a new teapot is on its way.',
    title: 'The teapot came without its lid',
    type: 'crm.sales.order.placed',
    value: 'left-handed',
    zone: 'Europe/London',
  },
};

/** All that Yad consists of beside the platform: what the apps, the command line and the tests run. */
export const definitions: Definitions = {
  events: eventContracts,
  commands,
  policies,
  resources,
  projections,
  queries,
  documentWords,
};
