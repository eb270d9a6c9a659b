import type { Erased } from '#platform/kernel/erased.js';
import { textOf } from '#platform/projections/definition/personal.js';

/** What of a row of the list says its place. */
interface Placed {
  readonly id: string;
  readonly name: string | Erased | null;
  readonly lastEventAt: string;
}

/** A place in a list: what its keyset holds. */
export type Keyset = readonly (string | number)[];
export type Parameter = (value: unknown) => string;

/** An order of the list. The id ends each, so that every row has its own place. */
export interface Order {
  /** The table that has the order and the filters, and so an index of each filter with the order. */
  readonly table: 'customers' | 'customer_activity';
  /** Whether those who have a tag are in this order in the index of tags. */
  readonly ofTags: boolean;
  readonly columns: readonly string[];
  readonly rising: boolean;
  /** The values of the columns at a place. */
  readonly at: (keyset: Keyset, p: Parameter) => string[];
  readonly keyset: (row: Placed) => Keyset;
  /** The place of a row of the columns. */
  readonly place: (key: Record<string, any>) => Keyset;
  /** The types of the columns. */
  readonly types: readonly string[];
}

export const orders: Record<'id' | 'name' | 'recency', Order> = {
  id: {
    table: 'customers',
    ofTags: true,
    columns: ['subject'],
    types: ['uuid'],
    place: ({ subject }) => [subject],
    rising: true,
    at: ([id], p) => [`${p(id)}::uuid`],
    keyset: (r) => [r.id],
  },
  name: {
    table: 'customers',
    ofTags: true,
    columns: ['name', 'subject'],
    types: ['text', 'uuid'],
    place: ({ subject, name }) => [subject, textOf(name)],
    rising: true,
    at: ([id, name], p) => [p(name), `${p(id)}::uuid`],
    keyset: (r) => [r.id, textOf(r.name ?? '')],
  },
  recency: {
    table: 'customer_activity',
    ofTags: false,
    columns: ['last_event_at', 'subject'],
    types: ['timestamptz', 'uuid'],
    place: ({ subject, last_event_at }) => [subject, last_event_at.toISOString()],
    rising: false,
    at: ([id, at], p) => [`${p(at)}::timestamptz`, `${p(id)}::uuid`],
    keyset: (r) => [r.id, r.lastEventAt],
  },
};

export const by = ({ columns, rising }: Order, alias: string): string =>
  columns.map((column) => `${alias}.${column}${rising ? '' : ' desc'}`).join(', ');

/** The part of an order that a page is looked for in: behind the page before, and no further than a row if one is known. */
export function stretch(
  order: Order,
  after: Keyset | undefined,
  last: Keyset | undefined,
  p: Parameter,
  alias = 'c',
): string {
  const { columns, rising, at } = order;
  const key = `(${columns.map((column) => `${alias}.${column}`).join(', ')})`;
  const row = (place: Keyset): string => `(${at(place, p).join(', ')})`;
  const start = after ? `${key} ${rising ? '>' : '<'} ${row(after)}` : 'true';
  return last ? `${start} and ${key} ${rising ? '<=' : '>='} ${row(last)}` : start;
}
