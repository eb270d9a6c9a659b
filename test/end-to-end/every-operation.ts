import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apiDocument } from '#apps/operations/api-document.js';
import { startSystem, type Client, type System } from '../support/system.js';
import { arbitraryOf, resolve } from './arbitrary-of-schema.js';

// Every operation of the document with requests drawn from its own schemas, sound ones and broken ones: whatever
// comes, the answer is one that the document lists (the client checks), and never a failure of ours.

type Method = Parameters<Client['send']>[0];

const document = apiDocument() as any;
const operations = Object.entries<any>(document.paths)
  .filter(([path]) => path.startsWith('/v1/'))
  .flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(
      ([method, operation]) => [operation.operationId, method, path, operation] as const,
    ),
  );

/** Defines the specs: `requests` to each operation, on a system of their own. */
export function everyOperation(requests: number): void {
  describe('every operation', () => {
    let system: System;
    let client: Client;
    const known: Record<string, string[]> = {};
    beforeAll(async () => {
      system = await startSystem();
      ({ client } = system);
      const made = async (path: string, body: object): Promise<string> => {
        const { body: answer } = await client.post(`/v1/${path}`, body);
        (known[path] ??= []).push(answer.id);
        return answer.id;
      };
      for (const full of ['Ada', 'Ben', 'سارا']) {
        const contact = await made('contacts', { name: { full } });
        const line = { sku: 'CUP', quantity: '6', unitPrice: '0.85' };
        await made('orders', { contact, currency: 'GBP', zone: 'UTC', lines: [line] });
        await made('returns', { contact, currency: 'GBP', zone: 'UTC', lines: [line] });
        await made('cases', { contact, kind: 'question', channel: 'web', title: 'When?' });
      }
    }, 60_000);
    afterAll(() => system?.stop());

    it.each(operations)('%s', async (_name, method, path, operation) => {
      const ids = Object.values(known).flat();
      // Half of the requests are sound, as far as a schema can say; the others have a fault somewhere, seldom two.
      const valueOf = (schema: object): fc.Arbitrary<unknown> =>
        fc.oneof(arbitraryOf(document, schema, { ids }), arbitraryOf(document, schema, { ids, junkOneIn: 15 }));
      const drawn = (schema: object) => valueOf(schema).map(textOf);
      const parameters = (operation.parameters as object[]).map((each) => resolve(document, each));
      const valuesOf = (place: string): fc.Arbitrary<Record<string, string>> => {
        const here = parameters.filter((each) => each['in'] === place);
        const required = here.filter((each) => each['required']).map((each) => each['name'] as string);
        const entries = here.map((each) => [each['name'], drawn(each['schema'])] as const);
        const all = fc.record(Object.fromEntries(entries), { requiredKeys: required as never[] });
        // A few of those that may be left out: all of them together are refused for one or another.
        const chosen = fc.subarray(
          here.map((each) => each['name'] as string),
          { maxLength: Math.min(2, here.length) },
        );
        return fc.tuple(all, chosen).map(([values, some]) => {
          const kept = Object.entries(values as Record<string, string>).filter(
            ([name]) => required.includes(name) || some.includes(name),
          );
          return Object.fromEntries(kept);
        });
      };
      const ofPath = known[path.split('/')[2]!] ?? ids;
      const id = fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(...ofPath) },
        drawn({ type: 'string', format: 'uuid' }),
      );
      const request = fc.record({
        id,
        aggregate: fc.constantFrom('order', 'case', 'contact', 'thing'),
        type: fc.oneof(fc.constantFrom('crm.sales.order.placed', 'crm.contacts.contact.tagged'), drawn({})),
        version: fc.oneof(fc.constantFrom('1', '2'), drawn({})),
        position: fc.oneof(fc.integer({ min: 1, max: 20 }).map(String), drawn({})),
        query: valuesOf('query'),
        // Most come without: a role or revision drawn at random would have the body refused unread.
        headers: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: valuesOf('header') }),
        body: valueOf(operation.requestBody?.content['application/json'].schema ?? {}),
      });
      const property = fc.asyncProperty(request, async ({ query, headers, body, ...inPath }) => {
        const at = path.replace(/\{(\w+)\}/g, (_all, name: keyof typeof inPath) =>
          encodeURIComponent(scalar(inPath[name])),
        );
        // A position far ahead would only be waited for, as would events.
        const { minPosition: _ahead, wait: _long, ...asked } = query;
        const search = new URLSearchParams(
          Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, scalar(value)])),
        );
        const url = method === 'get' ? `${at}?${search}` : at;
        const answer = await client.send(
          method.toUpperCase() as Method,
          url,
          method === 'get' ? undefined : body,
          headersOf(headers),
        );
        if (answer.status >= 500) throw new Error(`${method} ${url} answered ${JSON.stringify(answer.body)}`);
      });
      await fc.assert(property, { numRuns: requests, interruptAfterTimeLimit: 20_000 });
    });

    it('the store holds what it was given, and the read models took all of it', async () => {
      const head = await system.head();
      expect(head).toBeGreaterThan(12n);
      const { status } = await client.get(`/v1/customers?minPosition=${head}`);
      expect([status, system.troubles]).toEqual([200, []]);
      for (const name of system.host.admin.names)
        expect(await system.host.admin.verify(name)).toMatchObject({ equal: true });
      expect(await system.host.admin.deadLetters({})).toEqual([]);
    }, 60_000);
  });
}

/** A value as a query string or a header has it. */
const textOf = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Array.isArray(value)
      ? value.map(textOf).join(',')
      : (JSON.stringify(value) ?? '');
/** As it can be encoded in an address: no half of a surrogate pair, and not longer than an address may be. */
const scalar = (value: string): string => Buffer.from(value.slice(0, 2000)).toString();

/** The headers that HTTP itself lets through. */
function headersOf(values: object): Record<string, string> {
  const given = Object.entries(values as Record<string, string>).map(
    ([name, value]) => [name, Buffer.from(value.slice(0, 1500)).toString('latin1').trim()] as const,
  );
  return Object.fromEntries(given.filter(([, value]) => [...value].every((each) => each >= ' ' && each !== '\x7f')));
}
