import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { partitionOf, type BusMessage, type Delivery } from '#platform/event-bus/event-bus.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { TestClock } from '#platform/kernel/clock.js';
import { plus } from '#platform/kernel/money.js';
import { defineEvent, open, personal, type DomainEvent } from '#platform/kernel/event-contract.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { derivedId, newId } from '#platform/kernel/ids.js';
import { ensureLive } from '#platform/projections/builds/builds.js';
import { plaintext, storedForm } from '#test/fixtures/stored-form.fixture.js';
import { readable } from '#platform/kernel/erased.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { Ages } from '#platform/projections/folding/row-cache.js';
import { ProjectionGroup } from '#platform/projections/running/projection-group.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import {
  bigint,
  count,
  day,
  decimal,
  instant,
  integer,
  json,
  personalText,
  text,
} from '#platform/projections/definition/columns.js';
import { on, projection, type Projection } from '#platform/projections/definition/projection.js';
import { derivedTable, table } from '#platform/projections/definition/table.js';
import { ProjectionAdmin } from '#platform/projections/projection-admin.js';
import { createPool, Pipeline, type Pool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '../../support/postgres.js';

export const PARTITIONS = 4;

export const counted = defineEvent({
  type: 'test.counted',
  fields: { amount: open(z.string()), day: open(z.string()) },
});
export const cleared = defineEvent({ type: 'test.cleared', fields: { day: open(z.string()) } });
export const noted = defineEvent({ type: 'test.noted', fields: { text: personal(z.string()) } });
const known = [counted, cleared, noted];
export const codec = plaintext(known);

export const CountsByDay = table('counts_by_day', {
  about: 'Counts by customer and day',
  columns: {
    day: day().key(),
    events: count(),
    total: decimal(12, 2).describe("What a day's amounts come to"),
    last_position: bigint(),
    last_at: instant(),
    amounts: json(z.array(z.string())),
  },
  indexes: [{ name: 'counts_total', columns: ['total'] }],
});

/** Each amount of a day's row, as the rows of one that is looked for by it. */
export const AmountsByDay = derivedTable('amounts_by_day', {
  about: 'The amounts of a day',
  from: CountsByDay,
  columns: { day: day().key(), amount: text().key(), at_total: decimal() },
  indexes: [['amount', 'at_total']],
  rows: ({ day, amounts, total }) => [...new Set(amounts)].map((amount) => ({ day, amount, at_total: total })),
});

export const Entries = table('entries', {
  about: 'What happened',
  columns: { position: bigint().key(), kind: text(), text: personalText().nullable() },
});

export const Tags = table('tags', {
  about: 'Texts as keys',
  columns: { tag: text().key(), uses: integer().default(0) },
});

/** Amounts that make the fold throw, as a bug would; emptied when the bug is mended. */
export const broken = new Set<string>();

/** Counts by customer and day. */
export const counts = (version = 1): Projection =>
  projection({
    name: 'test-counts',
    version,
    tables: [CountsByDay, AmountsByDay],
    on: [
      on(counted, ({ data, subject, position, occurredAt }) =>
        CountsByDay.change({ subject, day: data.day }, (row) => {
          if (broken.has(data.amount)) throw new Error(`cannot count ${data.amount}`);
          return {
            subject,
            day: data.day,
            events: (row?.events ?? 0) + 1,
            total: plus(row?.total ?? '0', data.amount),
            last_position: position,
            last_at: occurredAt,
            // Shows the order of events, and whether one was folded twice.
            amounts: [...(row?.amounts ?? []), `v${version}:${data.amount}`],
          };
        }),
      ),
      on(cleared, ({ data, subject }) => CountsByDay.change({ subject, day: data.day }, () => null)),
    ],
  });

/** Texts as keys: one of more than a third of a page is refused by the database, not by the fold. */
export const tags = (): Projection =>
  projection({
    name: 'test-tags',
    version: 1,
    tables: [Tags],
    on: [
      on(noted, ({ data, subject }) => {
        const tag = readable(data.text) ?? '';
        return Tags.change({ subject, tag }, (row) => ({ subject, tag, uses: (row?.uses ?? 0) + 1 }));
      }),
    ],
  });

export const refusedText = randomBytes(6000).toString('base64');

export const timeline = (): Projection =>
  projection({
    name: 'test-timeline',
    version: 1,
    tables: [Entries],
    appendOnly: [Entries],
    on: [],
    any: ({ subject, position, type, data }) =>
      Entries.append({ subject, position }, { subject, position, kind: type, text: data.text ?? null }),
  });

export const subjectOf = (n: number): string => derivedId('subject', String(n));
const DAYS = ['2026-01-01', '2026-01-02', '2026-01-03'];

/** An event of a small world: who, what. */
export interface Happening {
  subject: number;
  what: 'counted' | 'cleared' | 'noted';
  day: number;
  amount: number;
}

export const eventOf = ({ what, day, amount }: Happening): DomainEvent<any> => {
  if (what === 'cleared') return cleared({ day: DAYS[day % 3]! });
  if (what === 'noted') return noted({ text: `note ${amount}` });
  return counted({ amount: (amount / 100).toFixed(2), day: DAYS[day % 3]! });
};

/** A log, a database and what is needed to run projections by hand. */
export class World {
  /** When events are recorded. */
  readonly recording = new TestClock();
  store = new MemoryEventStore(this.recording);
  readonly decoded = new DecodedEvents(codec);
  private revision = 0;
  private readonly groups: { group: ProjectionGroup; pipeline: Pipeline }[] = [];
  /** What went wrong in groups and was tried again. */
  readonly errors: Error[] = [];

  private constructor(
    readonly url: string,
    readonly pool: Pool,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async create(): Promise<World> {
    const { url, drop } = await createTestDatabase();
    return new World(url, createPool(url, { max: 8, synchronousCommit: 'off' }), drop);
  }

  get log() {
    return { store: this.store, partitions: PARTITIONS };
  }

  async happen(...happenings: Happening[]): Promise<void> {
    for (const happening of happenings) await this.record(happening.subject, eventOf(happening));
  }

  async append(subject: number, event: DomainEvent<any>): Promise<bigint> {
    return this.record(subject, event);
  }

  private async record(subject: number, event: DomainEvent<any>): Promise<bigint> {
    const [outcome] = await this.store.append([
      {
        commandId: newId(),
        fingerprint: null,
        events: [
          {
            id: newId(),
            aggregate: 'thing',
            aggregateId: String(this.revision++),
            revision: 0,
            type: event.contract.type,
            schemaVersion: event.contract.version,
            occurredAt: new Date(1_767_225_600_000 + this.revision * 1000),
            subject: subjectOf(subject),
            ...storedForm(event),
            meta: { actor: 'test' },
          },
        ],
      },
    ]);
    if (outcome?.kind !== 'stored') throw new Error('not stored');
    return outcome.position;
  }

  /** All of the log as a relay would publish it. */
  async messages(after = 0n): Promise<BusMessage[]> {
    const events = await this.store.readAll({ after: 0n, limit: 1_000_000 });
    const last = new Map<number, bigint>();
    return events
      .map((event) => {
        const partition = partitionOf(event.subject, PARTITIONS);
        const previous = last.get(partition) ?? 0n;
        last.set(partition, event.position);
        return { partition, event, previous };
      })
      .filter(({ event }) => event.position > after);
  }

  /** The projections of a process, without a bus: deliveries are made by hand. */
  async group(...definitions: Projection[]): Promise<ProjectionGroup> {
    const models = await prepareProjections(this.pool, definitions, PARTITIONS);
    for (const model of models) await ensureLive(this.pool, model, PARTITIONS);
    const pipeline = new Pipeline(this.url, { role: 'write', synchronousCommit: 'off', limits: { lockMs: 100 } });
    const { pool, log, decoded } = this;
    const group = new ProjectionGroup({
      ...{ models, pool, pipeline, log, decoded },
      // So few that rows are let go of all the time.
      ages: new Ages(20),
      onError: (error) => this.errors.push(error as Error),
    });
    this.groups.push({ group, pipeline });
    return group;
  }

  async admin(...definitions: Projection[]): Promise<ProjectionAdmin> {
    const models = await prepareProjections(this.pool, definitions, PARTITIONS);
    return new ProjectionAdmin({ pool: this.pool, log: this.log, decoded: this.decoded }, models);
  }

  /** The rows of a view as the database prints them. */
  async rows(view: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ row: string }>(
      `select t::text as row from analytics.${view} t order by 1`,
    );
    return rows.map(({ row }) => row);
  }

  /** How many rows of a derived table are not those that its source gives. */
  async astray(): Promise<number> {
    const { rows } = await this.pool.query<{ astray: number }>(
      `with wanted as (
         select distinct subject, day, amount, total from analytics.counts_by_day, jsonb_array_elements_text(amounts) amount)
       select ((select count(*) from wanted full join analytics.amounts_by_day d using (subject, day, amount)
         where total is distinct from at_total)) :: int as astray`,
    );
    return rows[0]!.astray;
  }

  /** As a server that restarts would. */
  async breakConnections(): Promise<void> {
    const other = createPool(this.url, { max: 1 });
    await other.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    await other.end();
  }

  /** Forgets everything, for the next run on the same database. */
  async reset(): Promise<void> {
    await this.closeGroups();
    this.store = new MemoryEventStore(new TestClock());
    const { rows } = await this.pool.query<{ schema: string }>(
      `select nspname as schema from pg_namespace where nspname like 'rm\\_%' or nspname like 'scratch%'`,
    );
    for (const { schema } of rows) await this.pool.query(`drop schema ${schema} cascade`);
    await prepareProjections(this.pool, [], PARTITIONS);
    await this.pool.query(
      `truncate projections.builds, projections.checkpoints, projections.dead_letters, projections.discards`,
    );
    await this.pool.query(`update projections.settings set log_id = null, incarnation = 0`);
  }

  async closeGroups(): Promise<void> {
    const all = this.groups.splice(0);
    await Promise.all(all.map(({ group }) => group.close()));
    await Promise.all(all.map(({ pipeline }) => pipeline.end()));
  }

  async close(): Promise<void> {
    await this.closeGroups();
    await this.pool.end();
    await this.dropDatabase();
  }
}

/** Waits until no member of a group is by itself. @throws Error after so long, with why one still is */
export async function together(group: ProjectionGroup, timeoutMs = 10_000): Promise<void> {
  for (const until = Date.now() + timeoutMs; group.alone.length > 0; await sleep(5)) {
    if (Date.now() > until) throw new Error(JSON.stringify(group.alone));
  }
}

/** Hands a delivery over, and waits until all members have it. */
export async function feed(group: ProjectionGroup, delivery: Delivery): Promise<void> {
  await group.deliver(delivery);
  await together(group);
}

/** What the rows must be: each event of the log folded once, in order, by a plain loop that knows no runtime. */
export async function expectedCounts(
  world: World,
  version = 1,
  of: EventCodec = codec,
): Promise<Map<string, { total: string; amounts: string[] }>> {
  const rows = new Map<string, { total: string; amounts: string[] }>();
  for (const stored of await world.store.readAll({ after: 0n, limit: 1_000_000 })) {
    if (stored.type !== counted.type && stored.type !== cleared.type) continue;
    const event = of.decode(stored);
    const key = `${event.subject} ${event.data.day}`;
    const row = rows.get(key);
    if (stored.type === cleared.type) rows.delete(key);
    else {
      // Newer code has it in cents.
      const amount = event.data.amount ?? (event.data.cents / 100).toFixed(2);
      const amounts = [...(row?.amounts ?? []), `v${version}:${amount}`];
      rows.set(key, { total: plus(row?.total ?? '0', amount), amounts });
    }
  }
  return rows;
}
