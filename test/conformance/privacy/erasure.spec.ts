import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { projections, queries } from '#analytical/index.js';
import { announcedEvents, eventContracts, eventsByAggregate } from '#contracts/index.js';
import { commands, resources } from '#operational/index.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { eventsOf } from '#platform/kernel/command.js';
import type { RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import { erased, isErased } from '#platform/kernel/erased.js';
import { RuleViolation } from '#platform/kernel/errors.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { RETENTION_CLASSES, type RetentionClass } from '#platform/kernel/event-contract.js';
import { derivedId } from '#platform/kernel/ids.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { ErasingCodec } from '#test/fixtures/erasing-codec.fixture.js';
import { MARK, publishedEvents, streamIdOf } from '#test/fixtures/published-events.fixture.js';
import { storedForm } from '#test/fixtures/stored-form.fixture.js';
import { allGolden, storedEvent } from '../../golden/golden.js';
import { anyInput } from '../../support/any-input.js';
import { ask, createReadModelTables, type ReadModelTables } from '../../support/read-model-tables.js';

const subjects = ['ann', 'ben', 'cem'].map((name) => derivedId('erasure', name));
const catalogue = new EventCatalogue(eventContracts);
const aggregates = [...new Map(commands.map(({ on }) => [on.name, on])).values()];

/** Whose keys are gone, and of which classes. */
type Gone = Readonly<Record<string, readonly RetentionClass[]>>;
const gone: fc.Arbitrary<Gone> = fc
  .tuple(...subjects.map(() => fc.oneof(fc.constant([...RETENTION_CLASSES]), fc.subarray([...RETENTION_CLASSES]))))
  .map((classes) => Object.fromEntries(subjects.map((subject, at) => [subject, classes[at]!])));
const allGone: Gone = Object.fromEntries(subjects.map((subject) => [subject, RETENTION_CLASSES]));

const decoded = (events: readonly StoredEvent[], without: Gone): RecordedEvent[] => {
  const codec = new ErasingCodec(catalogue, (subject, retention) => without[subject]?.includes(retention) ?? false);
  return events.map((event) => codec.decode(event));
};

const stateOf = (on: Aggregate, id: string, events: readonly RecordedEvent[]): any =>
  events
    .filter(({ aggregate, aggregateId }) => aggregate === on.name && aggregateId === id)
    .reduce((state, each) => on.evolve(state, each), on.initial);

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? '';

const announced = new Set<unknown>(Object.values(announcedEvents).flatMap((events) => Object.values(events)));
const written = eventContracts.filter((contract) => !announced.has(contract));

describe('what is erased', () => {
  const marked = publishedEvents(subjects, { marked: true });
  const plain = publishedEvents(subjects, { marked: false });

  it('was there: every event that is written is among the events, and each personal text is marked', () => {
    expect(new Set(marked.map(({ type }) => type))).toEqual(new Set(written.map(({ type }) => type)));
    const personal = marked.filter(({ type }) => catalogue.get(type)!.personalFields.length > 0);
    expect(personal.length).toBeGreaterThan(30);
    expect(personal.filter(({ personalData }) => !personalData!.includes(MARK))).toEqual([]);
    expect(marked.filter(({ data }) => data.includes(MARK))).toEqual([]);
  });

  it('is read as erased, field by field, in every version that was ever shipped', () => {
    for (const golden of allGolden()) {
      const stored = storedEvent(golden, 'full');
      const contract = catalogue.get(golden.type)!;
      const [event] = decoded([stored], { [stored.subject]: RETENTION_CLASSES });
      const wrong = contract.personalFields.filter((name) => !isErased(event!.data[name]));
      expect([golden.type, golden.version, wrong]).toEqual([golden.type, golden.version, []]);
      expect(contract.schema.safeParse(event!.data)).toMatchObject({ success: true });
    }
  });

  it('leaves every aggregate and every read model standing, without a word of it', () => {
    fc.assert(
      fc.property(gone, (without) => {
        const events = decoded(marked, without);
        const wholly = subjects.filter((subject) =>
          RETENTION_CLASSES.every((each) => without[subject]!.includes(each)),
        );
        for (const on of aggregates) {
          for (const subject of wholly)
            expect(textOf(stateOf(on, streamIdOf(on.name, subject), events))).not.toContain(MARK);
        }
        for (const projection of projections) {
          for (const [table, rows] of foldInMemory(projection, events)) {
            const left = rows.filter((row) => wholly.includes(row['subject'] as string) && textOf(row).includes(MARK));
            expect([table, left]).toEqual([table, []]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is erased in a read model, not empty: a row shows that something was there', () => {
    const rows = new Map(projections.flatMap((each) => [...foldInMemory(each, decoded(marked, allGone))]));
    const before = new Map(projections.flatMap((each) => [...foldInMemory(each, decoded(marked, {}))]));
    for (const projection of projections) {
      for (const table of projection.tables) {
        const name = table.name;
        for (const [at, row] of before.get(name)!.entries()) {
          for (const column of table.personal) {
            if (!textOf(row[column]).includes(MARK)) continue;
            expect([name, column, textOf(rows.get(name)![at]![column])]).toEqual([
              name,
              column,
              expect.stringContaining('"erased":true'),
            ]);
          }
        }
      }
    }
  });

  it('was only ever in columns that are declared personal, and each of those holds something personal', () => {
    const events = decoded(marked, {});
    for (const projection of projections) {
      const tables = foldInMemory(projection, events);
      for (const table of projection.tables) {
        const declared = table.personal;
        const name = table.name;
        const found = new Set<string>();
        for (const row of tables.get(name)!) {
          for (const [column, value] of Object.entries(row)) if (textOf(value).includes(MARK)) found.add(column);
        }
        expect([name, [...found].filter((column) => !declared.has(column))]).toEqual([name, []]);
        expect([name, [...declared].filter((column) => !found.has(column))]).toEqual([name, []]);
      }
    }
  });

  it('hinders no decision: a command is accepted or refused by a rule, and what it decides can be stored', () => {
    const events = decoded(plain, allGone);
    const accepted = new Set<string>();
    for (const definition of commands) {
      const byName = Object.fromEntries(
        ['contact', 'into', 'other', 'order', 'return', 'replacement', 'case', 'duplicate'].map((name) => [
          name,
          fc.constantFrom(
            ...subjects.flatMap((each) => Object.keys(eventsByAggregate).map((on) => streamIdOf(on, each))),
          ),
        ]),
      );
      fc.assert(
        fc.property(anyInput(definition, byName), fc.constantFrom(...subjects), (raw, subject) => {
          const parsed = definition.input.safeParse(raw);
          if (!parsed.success) return;
          const id = streamIdOf(definition.on.name, subject);
          const own = definition.creates ? definition.on.initial : stateOf(definition.on, id, events);
          const refs: Record<string, any> = {};
          for (const [name, reference] of Object.entries(definition.refs)) {
            const of = reference.id(parsed.data, own);
            if (of) refs[name] = { id: of, state: stateOf(reference.aggregate, of, events), revision: 1 };
          }
          try {
            const now = new Date('2026-06-01T00:00:00Z');
            const decision = definition.decide(own, parsed.data, { id, now, actor: 'spec', refs });
            for (const each of eventsOf(decision)) {
              const event = 'at' in each ? each.event : each;
              event.contract.schema.parse(event.data);
              event.contract.reserves?.(event.data);
              storedForm(event);
              accepted.add(definition.name);
            }
          } catch (error) {
            if (!(error instanceof RuleViolation)) throw error;
          }
        }),
        { numRuns: 40 },
      );
    }
    expect(accepted.size).toBeGreaterThan(15);
  });

  it('stays erased where a decision writes it again', () => {
    const amended = eventsByAggregate.order.orderAmended;
    const about = {
      currency: 'GBP',
      stage: 'placed',
      net: '1',
      previousNet: '1',
      outstanding: '1',
      overpaid: '0',
    } as const;
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: '1' }];
    const form = storedForm(amended({ ...about, lines, deliveryAddress: erased, note: 'new' }));
    const stored = { ...plain.find(({ type }) => type === amended.type)!, ...form };
    const [event] = decoded([stored], {});
    expect(event!.data).toMatchObject({ deliveryAddress: erased, note: 'new' });
  });

  it('is shown as erased by every resource, in the form that it promises', () => {
    for (const definition of resources) {
      for (const subject of subjects) {
        const id = streamIdOf(definition.on.name, subject);
        const events = decoded(plain, allGone).filter(
          ({ aggregate, aggregateId }) => aggregate === definition.on.name && aggregateId === id,
        );
        const reading = definition.read();
        const takers = new Map(reading.on);
        for (const event of events) takers.get(event.type)?.(event);
        const answer = reading.show(stateOf(definition.on, id, events), { id, revision: events.length - 1 });
        const sent = JSON.parse(JSON.stringify(answer)) as unknown;
        expect(definition.answer.parse(sent)).toEqual(sent);
        expect(textOf(sent)).toContain('{"erased":true}');
      }
    }
  });

  describe('from the tables', () => {
    let tables: ReadModelTables;
    beforeAll(async () => {
      tables = await createReadModelTables(projections);
    }, 60_000);
    afterAll(() => tables.drop());

    it('is answered by every query, for any subjects erased', async () => {
      // The first that a parameter takes: some spans are of days, some of instants.
      const given: Record<string, readonly string[]> = {
        day: ['2026-06-01'],
        currency: ['EUR'],
        from: ['2026-01-01', '2026-01-01T00:00:00Z'],
        to: ['2026-12-31', '2026-12-31T00:00:00Z'],
      };
      for (const without of [allGone, { [subjects[0]!]: RETENTION_CLASSES }, { [subjects[1]!]: ['profile'] } as Gone]) {
        await tables.fold(decoded(plain, without));
        for (const query of queries) {
          const names = Object.keys(query.parameters.shape);
          for (const subject of query.path.includes(':id') ? subjects : [subjects[0]!]) {
            const parameters: Record<string, string> = {};
            for (const name of names) {
              const values = name === 'id' ? [subject] : (given[name] ?? []);
              const fit = values.find((value) => query.parameters.shape[name].safeParse(value).success);
              if (fit) parameters[name] = fit;
            }
            const sorts = ['name', 'id', 'recency', 'customer', 'value', undefined].filter(
              (sort) => sort === undefined || query.parameters.shape['sort']?.safeParse(sort).success,
            );
            for (const sort of sorts) await ask(query, tables, sort ? { ...parameters, sort } : parameters);
          }
        }
      }
    }, 120_000);
  });
});
