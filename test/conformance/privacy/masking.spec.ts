import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import fc from 'fast-check';
import { z } from 'zod';
import { projections } from '#analytical/index.js';
import { definitions } from '#apps/definitions.js';
import { eventContracts } from '#contracts/index.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { keysOfThisProcess } from '#platform/http/cursor-keys/cursor-keys.js';
import { PersonalAnswer } from '#platform/http/sight.js';
import type { Role } from '#platform/kernel/command.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { derivedId } from '#platform/kernel/ids.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import type { PastReads } from '#platform/projections/as-of/past-reads.js';
import type { QueryDefinition, QuerySource } from '#platform/projections/definition/query.js';
import { aggregatesOf, logQueries, servedBy } from '#platform/runtime/composition.js';
import { MARK, publishedEvents, streamIdOf } from '#test/fixtures/published-events.fixture.js';
import { anyInput } from '../../support/any-input.js';
import { conformingClient } from '../../support/conforming-client.js';
import { NamedPrincipals, principal } from '../../support/named-principals.js';
import { createReadModelTables, type ReadModelTables } from '../../support/read-model-tables.js';

// A mark is planted in every personal text of every event, and whatever is asked by those who may not see, no answer has
// it: what an answer holds is looked for, not what its schema says.

const subjects = ['ann', 'ben', 'cem'].map((name) => derivedId('masking', name));
const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
const { commands, resources, queries, events } = definitions;
const aggregates = aggregatesOf(commands);
const folded: PastReads = { asOf: () => Promise.reject(new Error('nothing is asked here')) };
const log = { store: new MemoryEventStore(), codec, events, aggregates, resources, folded };
const ofTheLog = logQueries(['commands', 'read-models', 'audit'], log, queries);

/**
 * Words of ours, which other events have as open fields: the label of a point, the name of a system, of an attribute. A
 * registration stores them with the personal list that they are in; answers show them to everybody.
 */
const WORDS = { points: 'label', identities: 'system', attributes: 'name' };

type Operation = QueryDefinition | ResourceDefinition;
const isQuery = (operation: Operation): operation is QueryDefinition => 'parameters' in operation;
/** Asked of the past, for which there is no history here: test/end-to-end/customer-diff.spec.ts asks them. */
const OF_THE_PAST = ['DiffCustomer360'];
const operations: readonly Operation[] = [
  ...resources,
  ...queries,
  ...ofTheLog.filter(({ name }) => !OF_THE_PAST.includes(name)),
];
const isPersonal = (operation: Operation): boolean => new PersonalAnswer(operation).isPersonal;

// By an event that this build does not know, and a reason: both are in answers without a schema of theirs.
const unknown = (subject: string, revision: number): Partial<StoredEvent> => ({
  id: derivedId('masking', 'unknown'),
  ...{
    aggregate: 'thing',
    aggregateId: subject,
    revision,
    subject,
    type: 'crm.later.thing.happened',
    schemaVersion: 1,
  },
  data: '{"open":1}',
  personalData: `{"sealed":0,"parts":{"profile":{"who":"${MARK}"},"reason":{"reason":"${MARK}"}}}`,
});

interface Yad {
  readonly app: NestFastifyApplication;
  readonly tables: ReadModelTables;
  /** Every address of an operation that may have an answer. */
  urls(operation: Operation): string[];
  stop(): Promise<void>;
}

/** Yad on a log with every event there is. */
async function startWith(given: readonly StoredEvent[]): Promise<Yad> {
  const store = new MemoryEventStore();
  const all = [...given, { ...given[0]!, ...unknown(subjects[0]!, 0) }];
  for (const [at, event] of all.entries()) {
    await store.append([{ commandId: derivedId('masking', String(at)), fingerprint: null, events: [event] }]);
  }
  const tables = await createReadModelTables(projections);
  await tables.fold(given.map((event) => codec.decode(event)));
  const head = BigInt(all.length);
  const progress = {
    current: async () => head,
    measure: async () => () => head,
    waitFor: async () => head,
    recordedAt: async () => new Date('2026-06-01T00:00:00Z'),
  };
  const readModels: QuerySource = {
    inSnapshot: async (_projections, _isHeavy, work) => ({
      answer: await work(tables),
      checkpoints: new Map(),
      versions: new Map(),
      isIncomplete: false,
    }),
  };
  const served = servedBy(definitions, ['commands', 'read-models', 'audit'], {
    store,
    codec,
    host: { readModels, progress } as any,
  });
  const authenticator = new NamedPrincipals({
    analyst: principal('analyst'),
    service: principal('service'),
    auditor: principal('auditor'),
    privacy: principal('privacy'),
    admin: principal('admin'),
    shop: principal('service', 'delivery'),
    desk: principal('analyst', 'answering customers'),
  });
  // Stands still, as the token of an answer tells when it was asked.
  const clock = { now: () => new Date('2026-06-01T12:00:00Z') };
  const app = await createHttpApp({ ...served, authenticator, clock, cursorKeys: keysOfThisProcess(), logger: false });
  const streams = [...new Map(all.map((event) => [`${event.aggregate}/${event.aggregateId}`, event])).keys()];
  const ids = [...new Set(all.map(({ aggregateId }) => aggregateId))];
  const urls = (operation: Operation): string[] => {
    const paths = operation.path.includes(':aggregate/:id')
      ? streams.map((stream) => operation.path.replace(':aggregate/:id', stream))
      : operation.path.includes(':position')
        ? all.map((_event, at) => operation.path.replace(':position', String(at + 1)))
        : operation.path.includes(':id')
          ? ids.map((id) => operation.path.replace(':id', id))
          : [operation.path];
    const query = isQuery(operation) ? queryOf(operation) : '';
    return paths.map((path) => `${path}${query}`);
  };
  return {
    app,
    tables,
    urls,
    stop: async () => {
      await app.close();
      await tables.drop();
    },
  };
}

/** What a query needs, and no more; so much that a page has all. */
function queryOf({ parameters }: QueryDefinition): string {
  const given: Record<string, string> = { day: '2026-06-01', currency: 'EUR', limit: '1000' };
  const names = Object.keys(parameters.shape).filter((name) => name in given);
  // The whole life of what is compared.
  if ('from' in parameters.shape && !parameters.shape.from.isOptional()) {
    names.push('from');
    given['from'] = '0';
  }
  return names.length === 0 ? '' : `?${names.map((name) => `${name}=${given[name]}`).join('&')}`;
}

/** Where two answers differ otherwise than by a mask in the place of a value. */
function differences(clear: any, shown: any, at = ''): string[] {
  if (typeof shown === 'object' && shown !== null && shown.masked === true) {
    const isValue = clear !== undefined && clear !== null && clear.erased !== true;
    return isValue ? [] : [`${at} is masked, and was ${JSON.stringify(clear)}`];
  }
  if (typeof clear !== 'object' || clear === null || typeof shown !== 'object' || shown === null) {
    return clear === shown ? [] : [`${at}: ${JSON.stringify(clear)}, ${JSON.stringify(shown)}`];
  }
  return [...new Set([...Object.keys(clear), ...Object.keys(shown)])].flatMap((key) =>
    differences(clear[key], shown[key], `${at}/${key}`),
  );
}

/** Where a schema says nothing of what it holds. */
function opaque(schema: any, at: string, seen = new Set<unknown>()): string[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const { def } = schema._zod;
  if (def.type === 'unknown' || def.type === 'any') return [at];
  const inner: any[] = [def.innerType, def.element, def.valueType, def.out, ...(def.options ?? [])].filter(Boolean);
  const fields = Object.entries<any>(def.shape ?? {}).flatMap(([name, field]) => opaque(field, `${at}/${name}`, seen));
  return [...fields, ...inner.flatMap((each) => opaque(each, at, seen))];
}

describe('personal values in answers', () => {
  let yad: Yad;
  const get = (url: string, as: string, headers: Record<string, string> = {}) =>
    yad.app.inject({ method: 'GET', url, headers: { 'x-as': as, ...headers } });
  const mayAsk = (operation: Operation, roles: readonly Role[]): Role[] =>
    roles.filter((role) => operation.allowed.includes(role));

  beforeAll(async () => {
    yad = await startWith(publishedEvents(subjects, { marked: true, except: WORDS }));
  }, 120_000);
  afterAll(() => yad?.stop());

  it('are in the answers of most operations', () => {
    const without = operations.filter((operation) => !isPersonal(operation)).map(({ name }) => name);
    expect(without.toSorted()).toEqual([
      ...['CustomerRfm', 'CustomerTimeline', 'Rfm', 'RfmCustomers', 'SalesByDay', 'SalesSummary'],
    ]);
  });

  it.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s: no mark for those who may not see, in body or headers; all of them for those who may',
    async (_name, operation) => {
      let marked = 0;
      for (const url of yad.urls(operation)) {
        const as = operation.allowed.includes('auditor') ? 'auditor' : operation.allowed[0]!;
        const clear = await get(url, as, { 'yad-reveal': 'the customer asks' });
        if (clear.statusCode === 404) continue;
        expect([url, clear.statusCode]).toEqual([url, 200]);
        const whole = clear.json() as any;
        if (clear.body.includes(MARK)) marked++;
        for (const role of mayAsk(operation, ['analyst', 'service', 'auditor', 'privacy', 'admin'])) {
          const shown = await get(url, role);
          expect([url, shown.statusCode]).toEqual([url, 200]);
          expect([url, role, JSON.stringify([shown.headers, shown.body]).includes(MARK)]).toEqual([url, role, false]);
          // Without types, a state is folded as if all of it were erased.
          if (isQuery(operation) && operation.personal === 'untyped') continue;
          const { next: _own, ...body } = shown.json() as any;
          const { next: _theirs, ...of } = whole;
          expect(differences(of, body)).toEqual([]);
        }
        for (const seer of ['shop', 'desk'].filter((each) =>
          operation.allowed.includes(each === 'shop' ? 'service' : 'analyst'),
        )) {
          expect((await get(url, seer)).json()).toEqual(whole);
        }
      }
      expect([operation.name, marked > 0]).toEqual([operation.name, isPersonal(operation)]);
    },
    120_000,
  );

  it('are the very ones that the query gives, for those who may see', async () => {
    for (const query of queries) {
      for (const url of yad.urls(query)) {
        const { statusCode, body } = await get(url, 'auditor', { 'yad-reveal': 'compared' });
        if (statusCode === 404) continue;
        const given = Object.fromEntries(new URL(url, 'http://yad').searchParams);
        const id = subjects.find((each) => url.includes(each));
        const parameters = query.parameters.parse(query.path.includes(':id') ? { ...given, id } : given);
        const answer: any = await query.run(parameters, { read: yad.tables, isHeavy: true, now: new Date() });
        expect(JSON.parse(body).data).toEqual(JSON.parse(JSON.stringify(query.paged ? answer.items : answer)));
      }
    }
  }, 120_000);

  it('are revealed to roles alone, for a reason', async () => {
    const url = `/v1/customers/${subjects[0]}`;
    for (const role of ['analyst', 'service']) {
      const { statusCode, body } = await get(url, role, { 'yad-reveal': 'curious' });
      expect([statusCode, JSON.parse(body).type]).toEqual([403, 'urn:yad:problem:forbidden']);
    }
    for (const reason of ['', ' ', 'x'.repeat(1001)]) {
      const { statusCode, body } = await get(url, 'auditor', { 'yad-reveal': reason });
      expect([reason.length, statusCode]).toEqual([reason.length, 400]);
      expect(JSON.parse(body).errors[0]).toMatchObject({ in: 'header', pointer: '/Yad-Reveal' });
    }
    for (const role of ['auditor', 'privacy', 'admin']) {
      expect((await get(url, role, { 'yad-reveal': 'x'.repeat(1000) })).body).toContain(MARK);
    }
  });

  it('cannot be asked for by who does not see them', async () => {
    const sorted = '/v1/customers?sort=name';
    const { statusCode, body } = await get(sorted, 'analyst');
    expect([statusCode, JSON.parse(body).detail]).toEqual([
      403,
      expect.stringMatching(/^sort=name asks about personal/),
    ]);
    expect((await get(sorted, 'desk')).statusCode).toBe(200);
    expect((await get(sorted, 'auditor', { 'yad-reveal': 'a list by name' })).statusCode).toBe(200);
    expect((await get('/v1/customers?sort=recency', 'analyst')).statusCode).toBe(200);
  });

  it('go out with the log to those whose key says what for, and to nobody else, in whatever form', async () => {
    for (const accept of ['application/json', 'application/cloudevents-batch+json', 'text/event-stream']) {
      const refused = await get('/v1/events', 'service', { accept });
      expect([accept, refused.statusCode, refused.body.includes(MARK)]).toEqual([accept, 403, false]);
    }
    const { statusCode, body } = await get('/v1/events', 'shop');
    expect([statusCode, body.includes(MARK)]).toEqual([200, true]);
    const head = await yad.app.inject({ method: 'HEAD', url: '/v1/events', headers: { 'x-as': 'service' } });
    expect(head.statusCode).toBe(403);
  });

  it('do not come from a copy that was kept of the other form', async () => {
    const { headers } = await get(`/v1/contacts/${subjects[0]}`, 'auditor');
    expect(String(headers['vary'])).toMatch(/authorization, yad-reveal/);
  });

  it('are in no answer to a command, whatever it is sent, and however it is refused', async () => {
    const ids = Object.fromEntries(
      aggregates.map(({ name }) => [name, subjects.map((each) => streamIdOf(name, each))]),
    );
    const names = { into: 'contact', other: 'contact', replacement: 'order', duplicate: 'case' };
    const references = [...Object.keys(ids).map((name) => [name, name] as const), ...Object.entries(names)];
    const byName = Object.fromEntries(references.map(([name, of]) => [name, fc.constantFrom(...ids[of]!)]));
    const statuses = new Set<number>();
    for (const definition of commands) {
      for (const [at, payload] of fc.sample(anyInput(definition, byName), { numRuns: 20, seed: 7 }).entries()) {
        const known = ids[definition.on.name]!;
        const url = definition.path.replace(':id', known[at % known.length]!);
        const as = definition.allowed.includes('service') ? 'service' : definition.allowed[0]!;
        const sent = { method: definition.method, url, headers: { 'x-as': as }, payload } as const;
        const { statusCode, headers, body } = await yad.app.inject(sent);
        statuses.add(statusCode);
        expect([url, statusCode < 500, JSON.stringify([headers, body]).includes(MARK)]).toEqual([url, true, false]);
      }
    }
    expect([...statuses]).toEqual(expect.arrayContaining([200, 201, 400, 409]));
  }, 120_000);

  it('hide in no place of an answer that its schema says nothing of', () => {
    const diffs = resources.map(({ name }) => name.replace('Get', 'Diff')).toSorted();
    const places = operations.flatMap(({ name, answer }) => opaque(answer, name));
    expect([...new Set(places)].toSorted()).toEqual([
      // A few open fields of an event; that no personal one gets there, the specs of projections see to.
      'Customer360/timeline/summary',
      'CustomerTimeline/summary',
      // Folded as if all of it were erased, as states are.
      ...diffs.flatMap((name) => [`${name}/changes/after`, `${name}/changes/before`]),
      // Open fields of events that this build does not know.
      ...['EventAtPosition/data', 'EventsOfCustomer/data', 'EventsOfSpan/data', 'EventsOfStream/data'],
      // Folded as if all of it were erased.
      'StateAsOf/state',
      ...['StateDiff/changes/after', 'StateDiff/changes/before'],
    ]);
  });
});

describe('masked answers', () => {
  let yad: Yad;
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    yad = await startWith(publishedEvents(subjects.slice(0, 2), { marked: false }));
    client = await conformingClient(yad.app);
  }, 120_000);
  afterAll(() => yad?.stop());

  it.each(operations.map((operation) => [operation.name, operation] as const))(
    '%s: fit the document that is served, as those in clear do',
    async (_name, operation) => {
      let answered = 0;
      const as = operation.allowed.includes('analyst') ? 'analyst' : 'auditor';
      for (const url of yad.urls(operation)) {
        const shown = await client.get(url, { 'x-as': as });
        if (shown.status === 404) continue;
        const clear = await client.get(url, { 'x-as': 'auditor', 'yad-reveal': 'compared' });
        expect([shown.status, clear.status]).toEqual([200, operation.allowed.includes('auditor') ? 200 : 403]);
        answered++;
      }
      expect(answered).toBeGreaterThan(0);
    },
    120_000,
  );

  it('are told apart from events: what is published is never masked', () => {
    const { components, paths } = client.document;
    expect(components.schemas.Masked.properties).toEqual({ masked: expect.objectContaining({ const: true }) });
    const named = (operation: any): string[] =>
      (operation.parameters ?? []).map(({ $ref = '' }) => $ref.split('/').at(-1));
    expect(named(paths['/v1/customers/{id}'].get)).toContain('Reveal');
    expect(named(paths['/v1/analytics/rfm'].get)).not.toContain('Reveal');
    for (const contract of eventContracts) expect(contract.schema.safeParse({ masked: true }).success).toBe(false);
    expect(
      JSON.stringify(eventContracts.map(({ schema }) => z.toJSONSchema(schema, { unrepresentable: 'any' }))),
    ).not.toContain('masked');
  });
});
