import type { PoolClient } from 'pg';
import { partitionOf } from './partition.js';

/** The tables of this service. `position` of a customer is that of the last event that changed it. */
export const SCHEMA = `
create table if not exists positions (partition int primary key, position bigint not null);
create table if not exists forks (incarnation int primary key, forked_at bigint not null);
create table if not exists customers (
  subject uuid primary key, position bigint not null, name text, erased boolean not null default false,
  same_as uuid);
create table if not exists sales (
  subject uuid, currency text, orders int not null, net numeric not null, primary key (subject, currency));
`;

export interface CustomerEvent {
  type: string;
  /** The customer that it is about; of an order without one, the order itself. */
  subject: string;
  position: bigint;
  /** The open fields, and `personalData` where there are personal ones. */
  data: any;
}

type Change = (client: PoolClient, event: CustomerEvent) => Promise<unknown>;

const setName: Change = (client, { subject, data }) =>
  client.query('update customers set name = $2 where subject = $1', [subject, nameIn(data)]);

/** From now on the facts of one customer are another's: merged contacts, and a walk-in order whose customer is known. */
const sameAs =
  (target: (data: any) => string | null): Change =>
  (client, { subject, data }) =>
    client.query('update customers set same_as = $2 where subject = $1', [subject, target(data)]);

const CHANGES: Readonly<Record<string, Change>> = {
  'crm.contacts.contact.registered': setName,
  'crm.contacts.contact.details-updated': setName,
  'crm.contacts.contact.merged': sameAs(({ into }) => into),
  'crm.contacts.contact.unmerged': sameAs(() => null),
  'crm.sales.order.attached': sameAs(({ contact }) => contact),
  'crm.sales.order.detached': sameAs(() => null),
  'crm.sales.order.completed': async (client, { subject, data: { kind, currency, net } }) => {
    if (kind !== 'sale') return;
    await client.query(
      `insert into sales values ($1, $2, 1, $3) on conflict (subject, currency)
       do update set orders = sales.orders + 1, net = sales.net + excluded.net`,
      [subject, currency, net],
    );
  },
  'crm.privacy.erasure.ordered': async (client, { subject, data: { classes } }) => {
    if (!classes.includes('profile')) return;
    await client.query('update customers set name = null, erased = true where subject = $1', [subject]);
  },
};

/** Applies an event that no row holds yet. A type that this service has no use for, or does not know, changes nothing. */
export async function apply(client: PoolClient, event: CustomerEvent): Promise<void> {
  const change = CHANGES[event.type];
  if (!change) return;
  const { subject, position } = event;
  const { rowCount } = await client.query(
    `insert into customers (subject, position) values ($1, $2)
     on conflict (subject) do update set position = excluded.position where customers.position < excluded.position`,
    [subject, position],
  );
  // Held already: it was read from the log when something was missing.
  if (rowCount === 0) return;
  await change(client, event);
}

/** Drops the customers of a partition that an event above this position changed; resolves to their subjects. */
export async function forget(
  client: PoolClient,
  partition: number,
  above: bigint,
  partitions: number,
): Promise<string[]> {
  const { rows } = await client.query('select subject from customers where position > $1', [above]);
  const subjects = rows
    .map(({ subject }) => subject as string)
    .filter((subject) => partitionOf(subject, partitions) === partition);
  await client.query('delete from customers where subject = any($1)', [subjects]);
  await client.query('delete from sales where subject = any($1)', [subjects]);
  return subjects;
}

/** The name in plaintext; null without one, where it was erased, and where it is sealed and we have no key. */
function nameIn({ personalData }: any): string | null {
  const name = personalData?.sealed === 0 ? personalData.parts.profile?.name : undefined;
  if (!name || name.erased === true) return null;
  return name.full ?? [name.given, name.family].filter(Boolean).join(' ');
}
