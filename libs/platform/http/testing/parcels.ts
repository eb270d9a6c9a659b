import { z } from 'zod';
import { CommandPipeline } from '#platform/commands/command-pipeline.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { command } from '#platform/kernel/command.js';
import { NotFound, rule } from '#platform/kernel/errors.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { Money } from '#platform/kernel/money.js';
import { pagedQuery, query, type ReadModels } from '#platform/projections/query.js';
import { createHttpApp, type HttpAppOptions } from '../create-http-app.js';
import { keysOfThisProcess } from '../cursor-keys/cursor-keys.js';

const parcelSent = defineEvent({
  type: 'parcel-sent',
  fields: { label: open(z.string()), worth: open(Money.optional()) },
});
const parcelMoved = defineEvent({ type: 'parcel-moved', fields: { to: open(z.string()) } });

const Parcel = aggregate<{ at: string | null }>()({
  name: 'parcel',
  initial: { at: null },
  events: { parcelSent, parcelMoved },
  evolve: { parcelSent: () => ({ at: 'sender' }), parcelMoved: (_state, { to }) => ({ at: to }) },
});

const sendParcel = command({
  name: 'SendParcel',
  summary: 'Sends a parcel',
  on: Parcel,
  route: 'POST /v1/parcels',
  allowed: ['service', 'admin'],
  input: z.strictObject({
    id: Id.optional(),
    label: z
      .string()
      .min(1)
      .max(50)
      .meta({ examples: ['books'] }),
    worth: Money.optional(),
    stops: z.array(z.strictObject({ city: z.string().min(1) })).optional(),
    notes: z.record(z.string(), z.unknown()).optional(),
  }),
  decide: (parcel, { label, worth }) => {
    rule('parcel-is-new', parcel.at === null, 'this parcel was sent already');
    return parcelSent({ label, worth });
  },
});

const moveParcel = command({
  name: 'MoveParcel',
  summary: 'Moves a parcel on',
  on: Parcel,
  route: 'POST /v1/parcels/:id/move',
  allowed: ['service'],
  input: z.strictObject({
    to: z
      .string()
      .min(1)
      .max(50)
      .meta({ examples: ['Basel'] }),
  }),
  decide: (parcel, { to }) => {
    if (parcel.at === null) throw new NotFound('there is no such parcel');
    if (to === 'nowhere') throw new Error('secret of the inside');
    rule('parcel-moves', parcel.at !== to, `the parcel is in ${to} already`);
    return parcelMoved({ to });
  },
});

const loseParcel = command({
  name: 'LoseParcel',
  summary: 'Loses a parcel',
  on: Parcel,
  route: 'DELETE /v1/parcels/:id',
  allowed: ['admin'],
  input: z.strictObject({}),
  decide: () => parcelMoved({ to: 'lost' }),
});

export const parcelCommands = [sendParcel, moveParcel, loseParcel];

const Row = z.strictObject({ id: z.int(), city: z.string().meta({ examples: ['Basel'] }) }).meta({ id: 'ParcelRow' });

/** Numbers 1 to 7, in pages. */
const listRows = pagedQuery({
  name: 'ListRows',
  summary: 'Lists rows',
  route: 'GET /v1/rows',
  allowed: ['analyst'],
  parameters: z.strictObject({
    limit: z.coerce.number().int().min(1).max(100).default(3),
    city: z.string().max(50).optional(),
    tag: z.array(z.string()).optional(),
  }),
  item: Row,
  reads: ['rows'],
  run: async ({ limit, city = 'Basel' }, { after }) => {
    const from = Number(after?.[0] ?? 0) + 1;
    const items = Array.from({ length: Math.min(limit, 8 - from) }, (_, i) => ({ id: from + i, city }));
    const last = items.at(-1)!.id;
    return { items, next: last < 7 ? [last] : undefined };
  },
});

const getRow = query({
  name: 'GetRow',
  summary: 'Shows a row',
  route: 'GET /v1/rows/:id',
  allowed: ['analyst'],
  parameters: z.strictObject({ id: Id, deep: z.stringbool().optional() }),
  answer: Row,
  reads: ['rows'],
  run: async ({ id }) => {
    if (id.startsWith('0000')) throw new NotFound(`there is no row ${id}`);
    return { id: 1, city: 'Basel' };
  },
});

/** Looks at all rows, and takes until the test says so. */
export const heavyWork: { run: () => Promise<void>; read: unknown } = { run: async () => {}, read: undefined };

const sumRows = query({
  name: 'SumRows',
  summary: 'Sums all rows',
  route: 'GET /v1/row-sum',
  allowed: ['analyst'],
  parameters: z.strictObject({}),
  answer: z.strictObject({ sum: z.int() }).meta({ id: 'RowSum' }),
  reads: ['rows'],
  run: async (_parameters, { read }) => {
    heavyWork.read = read;
    await heavyWork.run();
    return { sum: 28 };
  },
});

export const parcelQueries = [listRows, getRow, sumRows];

/** An app on the in-memory store whose read models stand at position 10. */
export async function startParcels(options: Partial<HttpAppOptions> = {}) {
  const store = new MemoryEventStore();
  const catalogue = new EventCatalogue([parcelSent, parcelMoved]);
  const app = await createHttpApp({
    commands: parcelCommands,
    gateway: new CommandPipeline({ store, catalogue }),
    queries: parcelQueries,
    commandSecret: store.identity.lastingKeyFor('commands'),
    read: { rows: async () => [] } satisfies ReadModels,
    freshness: {
      current: async () => 10n,
      waitFor: async (position) => (position <= 10n ? 10n : undefined),
      recordedAt: async () => new Date('2026-01-15T12:00:00Z'),
    },
    cursorKeys: keysOfThisProcess(),
    ...options,
  });
  return { app, store };
}
