import { z } from 'zod';
import { exampleOf, type JsonSchema, type SchemaComponents } from '#platform/schemas/components.js';
import { problems } from './shared.js';

const EventSchemas = z
  .strictObject({
    schemas: z.array(
      z.strictObject({
        id: z
          .string()
          .describe('Its `$id`, and the `dataschema` of the events.')
          .meta({ examples: ['urn:yad:schema:crm.sales.order.placed:1'] }),
        type: z.string().meta({ examples: ['crm.sales.order.placed'] }),
        version: z.int().min(1),
        current: z.boolean().describe('Whether events of this version are still written.'),
        href: z.string().meta({ examples: ['/v1/schemas/crm.sales.order.placed/1'] }),
      }),
    ),
  })
  .meta({ id: 'EventSchemas' });

/** The operations that tell of the published events, by path. */
export function schemaOperations({
  components,
}: {
  readonly components: SchemaComponents;
}): [path: string, operation: JsonSchema][] {
  const index = components.schemaOf(EventSchemas, 'output');
  const open = 'For everybody: it says nothing of any customer.';
  return [
    [
      '/v1/schemas',
      {
        operationId: 'EventSchemas',
        summary: 'The versions of all published events, and where the schema of each is',
        description: `All that were ever written. ${open}`,
        tags: ['schemas'],
        parameters: [],
        responses: {
          200: {
            description: 'One entry for each version of each event',
            content: { 'application/json': { schema: index, example: exampleOf(index, components) } },
          },
          ...problems(400, 403, 414, 431, 500),
        },
      },
    ],
    [
      '/v1/schemas/:type/:version',
      {
        operationId: 'EventSchema',
        summary: 'The JSON Schema of one version of an event',
        description: `What the data of the event hold as it is published. ${open}`,
        tags: ['schemas'],
        parameters: [
          {
            name: 'type',
            in: 'path',
            required: true,
            schema: { type: 'string', examples: ['crm.sales.order.placed'] },
          },
          { name: 'version', in: 'path', required: true, schema: { type: 'integer', minimum: 1, examples: [1] } },
        ],
        responses: {
          200: {
            description: 'JSON Schema 2020-12',
            content: {
              'application/schema+json': {
                schema: {
                  type: 'object',
                  properties: { $id: { type: 'string' }, title: { type: 'string' } },
                  required: ['$id', 'title'],
                  additionalProperties: true,
                },
                example: { $id: 'urn:yad:schema:crm.sales.order.placed:1', title: 'OrderPlaced 1', type: 'object' },
              },
            },
          },
          ...problems(400, 403, 404, 414, 431, 500),
        },
      },
    ],
  ];
}
