import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { conformingClient } from '#test/support/conforming-client.js';
import {
  parcelCommands,
  parcelQueries,
  parcelResources,
  parcelWords,
  startParcels,
} from '#test/fixtures/parcels.fixture.js';
import { SchemaComponents } from '#platform/schemas/components.js';
import { openApiDocument } from './document.js';

/** Calls a function with every object in a document, and where it is. */
function walk(node: any, visit: (node: any, at: string) => void, at = '#'): void {
  if (typeof node !== 'object' || node === null) return;
  visit(node, at);
  for (const [key, value] of Object.entries(node)) walk(value, visit, `${at}/${key}`);
}

describe('the OpenAPI document', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    ({ app } = await startParcels());
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  it('is 3.1, the same each time, and what is served', () => {
    const registries = {
      words: parcelWords,
      commands: parcelCommands,
      resources: parcelResources,
      queries: parcelQueries,
    };
    const made = openApiDocument(registries);
    expect(made['openapi']).toBe('3.1.0');
    expect(JSON.stringify(made)).toBe(JSON.stringify(openApiDocument(registries)));
    expect(client.document).toEqual(JSON.parse(JSON.stringify(made)));
  });

  it('has no reference that leads nowhere', () => {
    let count = 0;
    walk(client.document, (node, at) => {
      if (typeof node.$ref !== 'string') return;
      count++;
      expect(node.$ref).toMatch(/^#\//);
      const target = node.$ref
        .slice(2)
        .split('/')
        .reduce((within: any, step: string) => within?.[step], client.document);
      if (target === undefined) throw new Error(`${at} refers to ${node.$ref}`);
    });
    expect(count).toBeGreaterThan(50);
  });

  it('has every route, with parameters for what its path names and an operationId of its own', () => {
    const operations = Object.entries<any>(client.document.paths).flatMap(([path, item]) =>
      Object.entries<any>(item).map(([method, operation]) => ({ path, method, operation })),
    );
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { name } of [...parcelCommands, ...parcelResources, ...parcelQueries]) expect(ids).toContain(name);
    expect(ids).toContain('SendBatch');
    for (const { path, operation } of operations) {
      const inPath = (operation.parameters ?? []).filter((p: any) => p.in === 'path').map((p: any) => p.name);
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
      expect(operation.responses['500']).toBeDefined();
    }
  });

  it('has schemas that are JSON Schema 2020-12, and examples that fit them', () => {
    let examples = 0;
    walk(client.document, (node, at) => {
      if (!node.schema || at.includes('/schemas/')) return;
      const validate = client.ajv.compile({ ...rebased(node.schema) });
      const given = [node.example, ...Object.values<any>(node.examples ?? {}).map(({ value }) => value)];
      for (const example of given.filter((one) => one !== undefined)) {
        examples++;
        if (!validate(example)) throw new Error(`${at}: ${client.ajv.errorsText(validate.errors)}`);
      }
    });
    expect(examples).toBeGreaterThan(30);
  });

  it('documents conditional headers, keys, waiting and cursors', () => {
    const { paths } = client.document;
    expect(named(paths['/v1/parcels/{id}/move'].post.parameters)).toEqual(
      expect.arrayContaining(['id', 'IdempotencyKey', 'IfMatch', 'OccurredAt', 'Reason']),
    );
    expect(named(paths['/v1/rows'].get.parameters)).toEqual(expect.arrayContaining(['limit', 'minPosition', 'cursor']));
    expect(named(paths['/v1/rows/{id}'].get.parameters)).not.toContain('cursor');
    expect(paths['/v1/parcels'].post.responses['201'].headers).toHaveProperty('Location');
  });

  it('is shown as pages for people', async () => {
    const page = await app.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect((await app.inject('/docs/swagger-ui-init.js')).body).toContain('SendParcel');
    expect((await app.inject('/docs/swagger-ui-bundle.js')).statusCode).toBe(200);
  });
});

describe('named schemas', () => {
  it('that differ between request and answer are told apart, with all that refer to them', () => {
    const Inner = z.strictObject({ n: z.number().default(1) }).meta({ id: 'Inner' });
    const Outer = z.strictObject({ inner: Inner }).meta({ id: 'Outer' });
    const components = new SchemaComponents();
    expect(components.schemaOf(Outer, 'input')).toEqual({ $ref: '#/components/schemas/Outer' });
    expect(components.schemaOf(Outer, 'output')).toEqual({ $ref: '#/components/schemas/OuterAnswer' });
    const all = components.all();
    expect(all['Outer']!['properties'].inner.$ref).toBe('#/components/schemas/Inner');
    expect(all['OuterAnswer']!['properties'].inner.$ref).toBe('#/components/schemas/InnerAnswer');
    expect(all['Inner']!['required']).toBeUndefined();
    expect(all['InnerAnswer']!['required']).toEqual(['n']);
  });
});

const rebased = (schema: any): any =>
  JSON.parse(JSON.stringify(schema, (key, value) => (key === '$ref' ? `yad${value}` : value)));

const named = (parameters: any[]) => parameters.map((p) => p.name ?? p.$ref.split('/').at(-1));
