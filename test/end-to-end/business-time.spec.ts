import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { definitions } from '#apps/definitions.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { TestClock } from '#platform/kernel/clock.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { streamName, type RecordedEvent, type StoredEvent } from '#platform/kernel/envelope.js';
import { InvalidInput, YadError } from '#platform/kernel/errors.js';
import { newId } from '#platform/kernel/ids.js';
import { codecOf } from '#platform/runtime/codec.js';
import { aggregatesOf } from '#platform/runtime/composition.js';
import { arbitraryOf, resolve } from './arbitrary-of-schema.js';

// Every command of the registry, on documents in any state, dated at any time: whatever is accepted leaves streams
// whose dates make sense, said here apart from the code that keeps them so. A new command is in it by itself.

const { commands } = definitions;
const codec = codecOf(definitions.events);
const aggregates = aggregatesOf(commands);

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const TOLERANCE = 5 * MINUTE;
const order = 'crm.sales.order.';
const contact = 'crm.contacts.contact.';

/** A few values by name, so that what is drawn for one command meets what was drawn for another. */
const FEW: Record<string, readonly unknown[]> = {
  currency: ['GBP'],
  zone: ['UTC'],
  line: [1],
  sku: ['CUP'],
  point: [1],
  quantity: ['1', '2'],
  unitPrice: ['10'],
  accepted: ['0', '1'],
  amount: ['1', '5'],
  allowOverpayment: [true],
  tags: [['vip']],
  name: ['size', { full: 'Ada' }, null],
  kind: [...['person', 'sale', 'question', 'works-at', 'household'], ...['email', 'phone', 'postal', 'messenger']],
  birthDate: ['1985-03-20', '2026-05-20', '2026-09-09', '2090-01-01'],
  date: ['2026-05-01', '2090-01-01'],
  until: ['2026-12-24T12:00:00Z'],
};

/** Inputs for each command, drawn once: to draw them one by one takes longer than all that is done with them. */
const seed = Date.now() % 2 ** 31;
const drawn = new Map(
  commands.map(({ name, input }) => {
    const schema = z.toJSONSchema(input, { io: 'input' });
    return [name, fc.sample(arbitraryOf(schema, schema, { ids: [newId()] }), { numRuns: 30, seed })];
  }),
);

/** An input for a command: ids of what it refers to, and mostly values of the few. */
function inputOf(g: fc.GeneratorValue, definition: CommandDefinition, idsOf: (aggregate: string) => string[]): any {
  const input: any = drawn.get(definition.name)![g(fc.nat, 29)];
  const narrow = (value: any): any => {
    if (Array.isArray(value)) return value.slice(0, 1).map(narrow);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, FEW[key] ? g(fc.constantFrom, ...FEW[key]) : narrow(each)]),
    );
  };
  const referring = (value: any): any => {
    const { id: _id, ...whole } = value;
    for (const { aggregate, id } of Object.values(definition.refs)) {
      const ids = idsOf(aggregate.name);
      for (const [field, schema] of Object.entries(definition.input.shape)) {
        if (attempt(() => id({ [field]: 'x' }, definition.on.initial)) !== 'x') continue;
        const left = ids.length === 0 || ((schema as z.ZodType).safeParse(undefined).success && g(fc.boolean));
        if (left) delete whole[field];
        else whole[field] = g(fc.constantFrom, ...ids);
      }
    }
    return whole;
  };
  // Where the few do not fit, what was drawn may.
  const fitting = [narrow(input), input].map((each) => definition.input.safeParse(referring(each)));
  return fitting.find(({ success }) => success)?.data;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

const streamsOf = async (store: MemoryEventStore): Promise<RecordedEvent[][]> => {
  const byStream = new Map<string, StoredEvent[]>();
  for (const event of await store.readAll({ after: 0n, limit: 100_000 })) {
    byStream.set(streamName(event), [...(byStream.get(streamName(event)) ?? []), event]);
  }
  return [...byStream.values()].map((events) => events.map((event) => codec.decode(event)));
};

const about = (key: string) => (a: any, b: any) => a[key] === b[key];
const oneTag = (a: any, b: any) => (b.removed as string[]).some((tag) => (a.added ?? []).includes(tag));
const sameRelation = (a: any, b: any) => a.kind === b.kind && a.other === b.other && a.direction === b.direction;
const always = () => true;
/** What may not be dated before what, where both are of one thing. */
const PAIRS: [earlier: string, later: string, ofOne: (a: any, b: any) => boolean][] = [
  ...['payment-recorded', 'invoice-recorded', 'fulfilment-recorded', 'cancelled', 'completed', 'return-opened'].map(
    (later): (typeof PAIRS)[number] => [`${order}placed`, order + later, always],
  ),
  [`${order}payment-recorded`, `${order}cancelled`, always],
  [`${order}payment-recorded`, `${order}payment-refunded`, always],
  [`${order}payment-recorded`, `${order}return-settled`, always],
  [`${order}return-opened`, `${order}return-settled`, about('return')],
  [`${order}return-settled`, `${order}return-reopened`, about('return')],
  [`${order}placed`, `${order}replacement-assigned`, always],
  [`${order}fulfilment-recorded`, `${order}completed`, always],
  [`${order}confirmed`, `${order}fulfilment-recorded`, always],
  [`${order}fulfilment-recorded`, `${order}return-opened`, always],
  [`${order}attached`, `${order}detached`, about('contact')],
  [`${order}return-opened`, `${order}return-released`, about('return')],
  [`${contact}tagged`, `${contact}untagged`, oneTag],
  [`${contact}point-added`, `${contact}point-verified`, about('point')],
  [`${contact}point-added`, `${contact}point-removed`, about('point')],
  [`${contact}attribute-set`, `${contact}attribute-cleared`, about('name')],
  [`${contact}related`, `${contact}unrelated`, sameRelation],
  [`${contact}absorbed`, `${contact}released`, (a, b) => a.merged === b.unmerged],
  ['crm.service.case.resolved', 'crm.service.case.satisfaction-recorded', always],
  ['crm.service.case.duplicate-merged', 'crm.service.case.merge-undone', (a, b) => a.merged === b.reopened],
];

const line = { line: 1, sku: 'CUP', quantity: '1', unitPrice: '10' };
const sale = { currency: 'GBP', zone: 'UTC', lines: [line] };
const [sold, back, ada, ben, asked, told] = Array.from({ length: 6 }, newId);
type Story = [command: string, id: string, input: object][];
/** Ways to go that are too long to be found by chance. */
const STORIES: Story[] = [
  [
    ['RecordSale', sold!, sale],
    ['RecordPayment', sold!, { amount: '10', currency: 'GBP', method: 'card' }],
    ['RequestReturn', back!, { order: sold, lines: [{ line: 1, quantity: '1' }] }],
    ['AuthoriseReturn', back!, {}],
    ['ReceiveReturn', back!, {}],
    ['InspectReturn', back!, {}],
  ],
  [
    ['RegisterContact', ada!, { name: { full: 'Ada' } }],
    ['RegisterContact', ben!, { name: { full: 'Ben' } }],
    ['RelateContacts', ada!, { kind: 'household', to: ben }],
    ['MergeContacts', ada!, { into: ben }],
  ],
  [
    ['OpenCase', asked!, { kind: 'question', channel: 'web', title: 'How?' }],
    ['OpenCase', told!, { kind: 'question', channel: 'web', title: 'When?' }],
    ['AssignCase', asked!, { assignee: 'lena' }],
    ['ResolveCase', asked!, { resolution: 'answered' }],
  ],
];
/** How a document of each aggregate begins. */
const BEGINNINGS: Record<string, [command: string, input: object]> = {
  contact: ['RegisterContact', {}],
  order: ['PlaceOrder', sale],
  return: ['RequestReturn', sale],
  case: ['OpenCase', { kind: 'question', channel: 'web', title: 'How?' }],
};

/** The law. */
function holds(streams: readonly RecordedEvent[][]): void {
  const first = new Map(streams.map(([event]) => [streamName(event!), event!]));
  for (const events of streams) {
    const { aggregate } = events[0]!;
    const on = aggregates.find(({ name }) => name === aggregate)!;
    let state = on.initial;
    let moved: RecordedEvent | undefined;
    for (const [at, event] of events.entries()) {
      const { type, data, occurredAt, recordedAt } = event;
      const notBefore = (other: RecordedEvent): void => {
        if (occurredAt.getTime() >= other.occurredAt.getTime()) return;
        throw new Error(`${type} of ${occurredAt.toISOString()} is before ${other.type} of ${iso(other)}`);
      };
      notBefore(events[0]!);
      if (occurredAt.getTime() > recordedAt.getTime() + TOLERANCE) throw new Error(`${type} is ahead: ${iso(event)}`);
      const before = state;
      state = on.evolve(state, event);
      // Deliveries alone may be told late, each by itself.
      if (before.status !== state.status && type !== `${order}fulfilment-recorded`) {
        if (moved) notBefore(moved);
        moved = event;
      }
      for (const [earlier, later, ofOne] of PAIRS) {
        if (type !== later) continue;
        for (const each of events.slice(0, at)) if (each.type === earlier && ofOne(each.data, data)) notBefore(each);
      }
      // What a return or an exchange says of an order happened after that order was taken.
      for (const id of [data.order, data.replacement]) if (id) notBefore(first.get(`order-${id}`)!);
      if (data.birthDate) expect(data.birthDate <= iso(event, DAY)).toBe(true);
    }
  }
}
const iso = ({ occurredAt }: RecordedEvent, later = 0): string =>
  new Date(occurredAt.getTime() + later).toISOString().slice(0, later ? 10 : 24);

function system() {
  const clock = new TestClock(new Date('2026-06-15T12:00:00Z'));
  const store = new MemoryEventStore(clock);
  const pipeline = new CommandPipeline({ store, codec, clock });
  const send = (definition: CommandDefinition, id: string, input: any, occurredAt?: Date) =>
    pipeline.execute({ definition, id, input, commandId: newId(), fingerprint: null, actor: 'spec', occurredAt });
  return { clock, store, send };
}

/** A day that lies ahead, and is no fault of an input otherwise. */
const isDayAhead = (error: unknown): boolean => error instanceof InvalidInput && error.message.includes('lies ahead');

describe('business time', () => {
  it('no sequence of commands stores an event before the document or step that it changes', async () => {
    const accepted = new Map<string, number>();
    /** For their date. */
    const refused = new Map<string, number>();
    const count = (of: Map<string, number>, { name }: CommandDefinition) => of.set(name, (of.get(name) ?? 0) + 1);
    const times = ({ name }: CommandDefinition): number => accepted.get(name) ?? 0;
    const documents = aggregates.flatMap((on) => (['return', 'contact'].includes(on.name) ? [on, on] : [on]));
    const property = fc.asyncProperty(fc.gen(), async (g) => {
      const { clock, store, send } = system();
      const ids = new Map<string, string[]>(aggregates.map(({ name }) => [name, []]));
      const idsOf = (name: string): string[] => ids.get(name)!.slice(-2);
      /** How many events were stored. @param days from now; 0: not dated */
      const tried = async (definition: CommandDefinition, id: string, input: any, days: number): Promise<number> => {
        const { position } = await store.head();
        const date = days === 0 ? undefined : new Date(Math.floor(clock.now().getTime() + days * DAY));
        try {
          const { events } = await send(definition, id, input, date);
          if (events > 0) count(accepted, definition);
          return events;
        } catch (error) {
          if (!(error instanceof YadError) || (error instanceof InvalidInput && !isDayAhead(error))) throw error;
          expect((await store.head()).position).toBe(position);
          if ('rule' in error && error.rule === 'date-in-order') count(refused, definition);
          return 0;
        }
      };
      const story = g(fc.constantFrom, ...STORIES);
      for (const [name, own, input] of story.slice(0, g(fc.nat, story.length))) {
        clock.set(new Date(clock.now().getTime() + 6 * 60 * MINUTE));
        const definition = commands.find((each) => each.name === name)!;
        const known = ids.get(definition.on.name)!;
        if (definition.creates) known.push(own);
        await send(definition, own, definition.input.parse(input));
      }
      for (let step = 0; step < 60; step++) {
        clock.set(new Date(clock.now().getTime() + 6 * 60 * MINUTE));
        const on = g(fc.constantFrom, ...documents);
        const known = idsOf(on.name);
        const creating = known.length === 0 || g(fc.nat, 4) === 0;
        const own = commands.filter((each) => each.on === on && each.creates === creating);
        const shuffled = g(fc.shuffledSubarray, own, { minLength: own.length });
        // Those that were seldom accepted come first, so that rare states are reached.
        const ordered = g(fc.nat, 2) > 0 ? shuffled.toSorted((a, b) => times(a) - times(b)) : shuffled;
        for (const definition of ordered.slice(0, 10)) {
          const input = inputOf(g, definition, idsOf);
          if (!input) continue;
          const id = creating ? newId() : g(fc.constantFrom, ...known);
          const days = g(fc.constantFrom, 0, 0, 0, 0, 0, -0.3, -2, -5, -20, 4 / 1440, 6 / 1440, 3000);
          const [first] = await store.readStream({ aggregate: on.name, aggregateId: id }, { limit: 1 });
          if (first && days === 0 && !refused.has(definition.name)) {
            await tried(definition, id, input, (first.occurredAt.getTime() - clock.now().getTime()) / DAY - 1);
          }
          const events = await tried(definition, id, input, days);
          if (events === 0) continue;
          // What is recorded whole has little to come.
          if (creating && (events < 3 || g(fc.nat, 3) === 0)) ids.get(on.name)!.push(id);
          break;
        }
      }
      holds(await streamsOf(store));
    });
    // The property says nothing of commands that were only ever refused, nor of those that were never tried too early.
    const unreached = (): string[] =>
      commands
        .filter(({ name, creates }) => !accepted.has(name) || (!creates && !refused.has(name)))
        .map(({ name }) => name);
    await fc.assert(property, { numRuns: 20, endOnFailure: true });
    for (let more = 0; more < 10 && unreached().length > 0; more++)
      await fc.assert(property, { numRuns: 10, endOnFailure: true });
    expect(unreached()).toEqual([]);
  }, 180_000);

  it.each(commands)('$name is refused ahead of the clock, and stores nothing', async (definition) => {
    const { clock, store, send } = system();
    const id = newId();
    if (!definition.creates) {
      const [name, input] = BEGINNINGS[definition.on.name]!;
      await send(
        commands.find((each) => each.name === name)!,
        id,
        input,
      );
    }
    const { position } = await store.head();
    for (const ahead of [TOLERANCE + 1, 36 * 365 * DAY]) {
      // Whatever else the input is, its date is looked at first.
      const date = new Date(clock.now().getTime() + ahead);
      await expect(send(definition, id, {}, date)).rejects.toMatchObject({ rule: 'date-not-ahead' });
    }
    expect((await store.head()).position).toBe(position);
  });

  it('every date of every input is known to be past, to lie ahead, or to be any', () => {
    const dates = commands.flatMap(({ name, input }) => {
      const past = new Set(input.shape && pathsOfPastDays(name));
      const schema: any = z.toJSONSchema(input, { io: 'input' });
      return datesIn(schema, schema, '').map((path) => `${name}${path}${past.has(path) ? ' past' : ''}`);
    });
    expect([...new Set(dates)].toSorted()).toEqual([
      // What another says of somebody may be of any day: a contract's end, a warranty.
      'ImportExternalFacts/date past',
      'ImportExternalFacts/facts/*/content/value',
      // When an invoice is to be paid.
      'RecordInvoice/dueOn',
      'RegisterContact/attributes/*/content/value',
      'RegisterContact/birthDate past',
      'SetAttribute/content/value',
      // Ahead, by the rule until-is-ahead.
      'SnoozeCase/until',
      'UpdateContactDetails/birthDate past',
    ]);
  });

  it.each([
    ['RegisterContact', { birthDate: '2090-01-01' }, '/birthDate'],
    ['UpdateContactDetails', { birthDate: '2090-01-01' }, '/birthDate'],
    ['ImportExternalFacts', { source: 's', licence: 'l', date: '2090-01-01', facts: [] }, '/date'],
  ])('%s refuses a day that has not come, and names it', async (name, input, pointer) => {
    const { store, send } = system();
    const id = newId();
    const definition = commands.find((each) => each.name === name)!;
    if (!definition.creates)
      await send(
        commands.find((each) => each.name === 'RegisterContact')!,
        id,
        {},
      );
    const { position } = await store.head();
    await expect(send(definition, id, input)).rejects.toMatchObject({ issues: [{ pointer }] });
    expect((await store.head()).position).toBe(position);
  });
});

const pathsOfPastDays = (name: string): string[] =>
  commands
    .find((each) => each.name === name)!
    .pastDays.paths.map((path) => path.map((each) => `/${typeof each === 'symbol' ? '*' : each}`).join(''));

/** Where a JSON Schema has days and instants. */
function datesIn(document: any, given: any, path: string): string[] {
  const schema = resolve(document, given);
  // The day of a birthday whose year is not known is no format of JSON Schema's.
  const isDate = schema.format?.startsWith('date') || /"--\d\d-|--MM-DD/.test(JSON.stringify(schema.examples ?? ''));
  return [
    ...(isDate ? [path] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, each]) => datesIn(document, each, `${path}/${name}`)),
    ...(schema.items ? datesIn(document, schema.items, `${path}/*`) : []),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((each: any) => datesIn(document, each, path)),
  ];
}
