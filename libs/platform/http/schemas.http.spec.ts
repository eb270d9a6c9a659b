import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ajv2020 from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { conformingClient } from '#test/support/conforming-client.js';
import { inMemoryOperations } from '#test/support/in-memory-app.js';

describe('what consumers of the topic go by', () => {
  let app: Awaited<ReturnType<typeof inMemoryOperations>>;
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    app = await inMemoryOperations();
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  it('lists every version of every event, and each entry leads to its schema, which a validator takes', async () => {
    const { body } = await client.get('/v1/schemas');
    expect(body.schemas.length).toBeGreaterThan(70);
    const ajv = new ajv2020.Ajv2020({ strict: false });
    (ajvFormats as any).default(ajv);
    for (const { id, href } of body.schemas) {
      const { status, headers, body: schema } = await client.get(href);
      expect([status, headers['content-type'], schema.$id]).toEqual([
        200,
        'application/schema+json; charset=utf-8',
        id,
      ]);
      ajv.compile(schema);
    }
    const versions = body.schemas.filter(({ type }: any) => type === 'crm.service.case.reopened');
    expect(versions.map(({ version, current }: any) => [version, current])).toEqual([
      [1, false],
      [2, true],
    ]);
  });

  it('says what there is where somebody asks for what is not', async () => {
    const unknown = await client.get('/v1/schemas/crm.sales.order.eaten/1');
    expect([unknown.status, unknown.body.detail]).toEqual([404, 'there is no event crm.sales.order.eaten']);
    for (const version of ['3', '0', '01', 'x', '1e0']) {
      const { status, body } = await client.get(`/v1/schemas/crm.service.case.reopened/${version}`);
      expect([status, body.detail]).toEqual([404, 'crm.service.case.reopened has the versions 1, 2']);
    }
  });

  it('serves the AsyncAPI document that is committed', async () => {
    const { headers, body } = await (async () => {
      const answer = await app.inject('/asyncapi.json');
      return { headers: answer.headers, body: answer.json() as any };
    })();
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body.asyncapi).toBe('3.1.0');
    const { topicDocument } = await import('../../../apps/operations/api-document.js');
    expect(body).toEqual(JSON.parse(JSON.stringify(topicDocument())));
  });
});
