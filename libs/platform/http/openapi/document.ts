import { z } from 'zod';
import { Position } from '#platform/kernel/position.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { Id } from '#platform/kernel/ids.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import { BatchItem, MAX_ITEMS, sendersOf } from '../batch.controller.js';
import { DerivedIds, WordLists } from '../derived-ids.js';
import { MAY_FOLLOW } from '../feed-request.js';
import { MAY_DERIVE } from '../ids.controller.js';
import { pathParameters } from '../query-routes.js';
import { PersonalAnswer } from '../sight.js';
import { forAnybody, forRoles, securitySchemes } from './access.js';
import { feedOperations } from './feed-operations.js';
import { snapshotOperations } from './snapshot-operations.js';
import { schemaOperations } from './schema-operations.js';
import { SchemaComponents, exampleOf, type JsonSchema, type Samples } from '#platform/schemas/components.js';
import {
  commandHeaders,
  problemResponses,
  problemSchema,
  problems,
  refs,
  resourceHeaders,
  revealHeaders,
  waitingHeaders,
} from './shared.js';
import { AS_OF_FORMS } from '#platform/projections/as-of/as-of.js';

/** What a document says that does not follow from the definitions. */
export interface DocumentWords {
  /** What the addresses under `/v1/<name>` are about, where no resource says it. */
  readonly tags: Readonly<Record<string, string>>;
  /**
   * What a person would send as a command of this name, or write into a field of this name whose schema tells no
   * example.
   */
  readonly samples: Samples;
}

export interface DocumentedRegistries {
  words?: DocumentWords;
  commands?: readonly CommandDefinition[];
  resources?: readonly ResourceDefinition[];
  queries?: readonly QueryDefinition[];
  /** Where the app tells consumers of the events. */
  published?: unknown;
  /** Where the app serves the log by position. */
  feed?: unknown;
  /** Where the app has the read models made as of points. */
  snapshots?: unknown;
}

const CommandResult = z
  .strictObject({
    id: z.string().meta({ examples: ['0198f3a0-1b2c-7d3e-8f40-123456789abc'] }),
    revision: z
      .int()
      .min(-1)
      .meta({ description: 'Of the aggregate after the command; its ETag.', examples: [0] }),
    position: Position,
    events: z.int().min(0).meta({ description: 'How many events the command stored.' }),
    repeated: z
      .boolean()
      .meta({ description: 'True: it was answered before, and nothing was stored now.', examples: [false] }),
  })
  .meta({ id: 'CommandResult' });
const Freshness = z
  .strictObject({
    position: Position,
    recordedAt: z.iso.datetime({ offset: true }).nullable(),
    asOf: z
      .string()
      .regex(/^at_[\w-]+$/)
      .optional()
      .meta({ description: 'What the answer rests on: as the parameter `asOf` it gives the same answer again.' }),
    incomplete: z.literal(true).optional().meta({
      description: 'Events that concern the answer were set aside: it may lack something, and has no `asOf`.',
    }),
    definition: z
      .literal('current')
      .optional()
      .meta({ description: 'What made the answer of then has changed: this one is made by what is in use now.' }),
  })
  .meta({ id: 'Freshness', description: 'Every event up to this position is in the answer.' });

const ABOUT = [
  'Yad is an event-sourced CRM. **Commands** change one aggregate and answer with the `position` of their events.',
  '**Queries** answer from read models that follow the log: hand them that position as `minPosition`, and they wait until',
  'it is there. An aggregate itself is read whole where the `Location` of its creation leads, at once and with its',
  'revision as `ETag`. Whatever goes wrong is a problem as in RFC 9457.',
].join(' ');

const server = (app: string, port: number, description: string): JsonSchema => ({
  url: 'http://{host}:{port}',
  description: `${app}: ${description}`,
  variables: {
    host: { default: 'localhost', description: `Where ${app} runs` },
    port: { default: String(port), description: 'Its PORT' },
  },
});

/** An app answers what it serves, so the first is right for its own document; the others are the apps run apart. */
const SERVERS: readonly JsonSchema[] = [
  { url: '/', description: 'The app that serves this document: all of it where Yad runs in one process' },
  server('operations', 3000, 'commands, aggregates and audit'),
  server('analytics', 3001, 'customers, lists and analytics'),
  server('audit', 3002, 'audit alone'),
];

/** What the operations of one document share. */
interface Parts {
  readonly components: SchemaComponents;
  readonly resources: readonly ResourceDefinition[];
  readonly samples: Samples;
  readonly result: JsonSchema;
  readonly freshness: JsonSchema;
}

/**
 * The OpenAPI 3.1 document of what the registries mount. The same registries give the same bytes, and an operation is
 * the same in the document of one app and in that of the whole system.
 * @throws Error when nothing says what a tag is about
 */
export function openApiDocument(registries: DocumentedRegistries): JsonSchema {
  const { commands = [], resources = [], queries = [], words = { tags: {}, samples: {} } } = registries;
  const components = new SchemaComponents({ masked: true });
  components.schemaOf(z.object({ id: Id }), 'input');
  const result = components.schemaOf(CommandResult, 'output');
  const freshness = components.schemaOf(Freshness, 'output');
  const parts: Parts = { components, resources, samples: words.samples, result, freshness };
  const paths: Record<string, Record<string, JsonSchema>> = {};
  const put = (path: string, method: string, operation: JsonSchema): void => {
    const braced = path.replace(/:(\w+)/g, '{$1}');
    (paths[braced] ??= {})[method.toLowerCase()] = operation;
  };
  for (const definition of commands) {
    put(definition.path, definition.method, forRoles(definition.allowed, commandOperation(definition, parts)));
  }
  if (commands.length > 0) {
    paths['/v1/commands:batch'] = { post: forRoles(sendersOf(commands), batchOperation(commands, parts)) };
    put('/v1/ids', 'POST', forRoles(MAY_DERIVE, idsOperation(parts)));
  }
  if (registries.published) {
    for (const [path, operation] of schemaOperations(parts)) put(path, 'GET', forAnybody(operation));
  }
  if (registries.feed) {
    for (const [path, operation] of feedOperations(parts)) put(path, 'GET', forRoles(MAY_FOLLOW, operation));
  }
  if (registries.snapshots) {
    for (const { path, method, allowed, operation } of snapshotOperations(parts)) {
      put(path, method, forRoles(allowed, operation));
    }
  }
  for (const definition of resources) {
    put(definition.path, 'GET', forRoles(definition.allowed, resourceOperation(definition, parts)));
  }
  for (const definition of queries) {
    put(definition.path, 'GET', forRoles(definition.allowed, queryOperation(definition, parts)));
  }
  put(
    '/health/live',
    'GET',
    healthOperation(
      'Live',
      'Whether the process turns',
      'For orchestrators: a process that does not answer is restarted.',
      [],
    ),
  );
  put(
    '/health/ready',
    'GET',
    healthOperation(
      'Ready',
      'Whether the service can serve',
      'For balancers: requests are sent elsewhere until the checks pass again, and each says how it stands.',
      [503],
    ),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Yad',
      version: '1.0.0',
      description: ABOUT,
      contact: { name: 'Whoever runs this Yad' },
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: SERVERS,
    tags: tagsOf(paths, resources, words),
    paths,
    components: {
      securitySchemes,
      schemas: { ...components.all(), Problem: problemSchema },
      parameters: {
        ...(commands.length > 0 ? commandHeaders : {}),
        ...(resources.length > 0 ? resourceHeaders : {}),
        ...(queries.some(({ projections }) => projections.length > 0) ? waitingHeaders : {}),
        ...([...resources, ...queries].some((each) => new PersonalAnswer(each).isPersonal) ? revealHeaders : {}),
      },
      responses: problemResponses(paths),
    },
  };
}

function commandOperation(
  definition: CommandDefinition,
  { components, resources, samples, result }: Parts,
): JsonSchema {
  const { name, summary, creates, allowed, input, on, path } = definition;
  const schema = components.schemaOf(input, 'input');
  const media: JsonSchema = { schema };
  const example = samples[name] ?? exampleOf(schema, components, samples);
  // An example that the schema itself would refuse helps nobody.
  if (input.safeParse(example).success) media['example'] = example;
  const location = {
    Location: { description: 'Where the new aggregate is read.', required: true, schema: { type: 'string' } },
  };
  return {
    operationId: name,
    summary,
    description: [
      creates
        ? `Begins a new ${on.name}, and says by \`Location\` where it is read.`
        : `Changes the ${on.name}. With \`If-Match\` only if nobody else has changed it meanwhile.`,
      'With an `Idempotency-Key` it can be sent again without harm. A refusal names its rule, and stores nothing.',
      roles(allowed),
    ].join(' '),
    tags: [tagOf(resources.find((resource) => resource.on === on)?.path ?? path)],
    parameters: [
      ...pathParameters(path).map((parameter) => pathParameter(parameter)),
      ...refs('parameters', commandHeaders),
    ],
    requestBody: { required: !input.safeParse({}).success, content: { 'application/json': media } },
    responses: {
      [creates ? 201 : 200]: {
        description: creates
          ? 'Created, or created before by the same command'
          : 'Done, or done before by the same command',
        headers: creates ? { ...etagHeader, ...location } : etagHeader,
        content: { 'application/json': { schema: result, example: exampleOf(result, components) } },
      },
      ...problems(400, 401, 403, 404, 408, 409, 412, 413, 414, 415, 422, 429, 431, 500, 503),
    },
  };
}

function idsOperation({ components, samples }: Parts): JsonSchema {
  const words = components.schemaOf(WordLists, 'input');
  const ids = components.schemaOf(DerivedIds, 'output');
  return {
    operationId: 'DeriveIds',
    summary: 'Gives the ids that belong to natural keys',
    description:
      'The same words have the same id on this log, always, and another on another log: they are made under its ' +
      'secret, so that an id tells nobody whose it is who cannot ask here. The words are neither kept nor logged. ' +
      roles(MAY_DERIVE),
    tags: ['ids'],
    parameters: [],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: words, example: exampleOf(words, components, samples) } },
    },
    responses: {
      200: {
        description: 'One id for each list of words, in their order',
        content: { 'application/json': { schema: ids, example: exampleOf(ids, components, samples) } },
      },
      ...problems(400, 401, 403, 408, 413, 414, 415, 429, 431, 500, 503),
    },
  };
}

function batchOperation(commands: readonly CommandDefinition[], { components, samples, result }: Parts): JsonSchema {
  const item = components.schemaOf(BatchItem, 'input');
  const { properties, required } = components.resolve(result);
  const outcome = {
    oneOf: [
      {
        type: 'object',
        properties: { status: { type: 'integer', enum: [200, 201] }, ...properties },
        required: ['status', ...required],
        additionalProperties: false,
      },
      { $ref: '#/components/schemas/Problem' },
    ],
  };
  const { name, input } = commands[0]!;
  const { IdempotencyKey, OnBehalfOf, CorrelationId, CausationId, Reason } = commandHeaders;
  return {
    operationId: 'SendBatch',
    summary: 'Sends many commands at once, with one outcome each in the order of the items',
    description:
      'Items run side by side, those of one aggregate in order. One that fails does not hinder the others. ' +
      'An Idempotency-Key of the request gives each item without a key of its own one by its place. ' +
      `${roles(sendersOf(commands))} Each item is for the roles of its command.`,
    tags: ['batch'],
    parameters: [...refs('parameters', { IdempotencyKey, OnBehalfOf, CorrelationId, CausationId, Reason } as any)],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            properties: { items: { type: 'array', maxItems: MAX_ITEMS, items: item } },
            required: ['items'],
            additionalProperties: false,
          },
          example: {
            items: [{ command: name, input: exampleOf(components.schemaOf(input, 'input'), components, samples) }],
          },
        },
      },
    },
    responses: {
      200: {
        description: 'One outcome for each item: the result, or the problem',
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: { outcomes: { type: 'array', items: outcome } },
              required: ['outcomes'],
              additionalProperties: false,
            },
            example: { outcomes: [{ status: 201, ...(exampleOf(result, components) as object) }] },
          },
        },
      },
      ...problems(400, 401, 403, 408, 413, 414, 415, 429, 431, 500, 503),
    },
  };
}

function queryOperation(definition: QueryDefinition, { components, samples, freshness }: Parts): JsonSchema {
  const { name, summary, allowed, parameters, answer, paged, path, hasPast, projections } = definition;
  const inPath = new Set(pathParameters(path));
  const schema = components.resolve(components.schemaOf(parameters, 'input'));
  const required = new Set<string>(schema['required'] ?? []);
  const own = Object.entries<JsonSchema>(schema['properties'] ?? {}).map(([parameter, of]) =>
    inPath.has(parameter)
      ? pathParameter(parameter, of)
      : { name: parameter, in: 'query', required: required.has(parameter), schema: of, ...described(of) },
  );
  const shells = [minPositionParameter];
  // What is in the log is there at once; read models as of then may have to be made.
  const isMade = hasPast && projections.length > 0;
  if (hasPast) shells.push(...asOfParameters, ...(isMade ? refs('parameters', waitingHeaders) : []));
  if (paged) {
    const description = 'The `next` of the page before; the other parameters must be the same.';
    shells.push({ name: 'cursor', in: 'query', required: false, description, schema: { type: 'string' } });
  }
  const item = components.schemaOf(answer, 'output');
  const body: JsonSchema = {
    type: 'object',
    properties: { data: paged ? { type: 'array', items: item } : item, freshness },
    required: ['data', 'freshness'],
    additionalProperties: false,
  };
  if (paged)
    body['properties'].next = { type: 'string', description: 'The cursor of the next page, when there is one.' };
  return {
    operationId: name,
    summary,
    description: [
      ...(paged ? ['In pages: `next` of one answer is the `cursor` that asks for the page after it.'] : []),
      'Everything up to `freshness.position` is in the answer.',
      roles(allowed),
    ].join(' '),
    tags: [tagOf(path)],
    parameters: [...own, ...shells, ...revealing(definition)],
    responses: {
      200: {
        description: summary,
        content: { 'application/json': { schema: body, ...exampleFor(body, answer, paged, components, samples) } },
      },
      ...(isMade ? { 202: underWay } : {}),
      ...(hasPast
        ? problems(400, 401, 403, 404, 409, 410, 414, 429, 431, 500, 503)
        : problems(400, 401, 403, 404, 414, 429, 431, 500, 503)),
    },
  };
}

const underWay: JsonSchema = {
  description: 'The read models as of then are being made: ask again, or see how far they are where `Location` leads.',
  headers: {
    Location: { description: 'The snapshot that is made', required: true, schema: { type: 'string' } },
    'Retry-After': { description: 'Seconds', required: true, schema: { type: 'string' } },
  },
  content: {
    'application/json': {
      schema: {
        type: 'object',
        properties: { snapshot: { $ref: '#/components/schemas/Id' } },
        required: ['snapshot'],
        additionalProperties: false,
      },
    },
  },
};

function resourceOperation(definition: ResourceDefinition, { components, samples, freshness }: Parts): JsonSchema {
  const { name, summary, allowed, answer, path } = definition;
  const body: JsonSchema = {
    type: 'object',
    properties: { data: components.schemaOf(answer, 'output'), freshness },
    required: ['data', 'freshness'],
    additionalProperties: false,
  };
  return {
    operationId: name,
    summary,
    description: `Read from the event store: what a command has written is there at once. ${roles(allowed)}`,
    tags: [tagOf(path)],
    parameters: [
      pathParameter('id'),
      minPositionParameter,
      ...refs('parameters', resourceHeaders),
      ...revealing(definition),
    ],
    responses: {
      200: {
        description: summary,
        headers: etagHeader,
        content: { 'application/json': { schema: body, ...exampleFor(body, answer, false, components, samples) } },
      },
      304: { description: 'Nothing has changed since the revision that If-None-Match names', headers: etagHeader },
      ...problems(400, 401, 403, 404, 410, 414, 429, 431, 500, 503),
    },
  };
}

const revealing = (definition: ConstructorParameters<typeof PersonalAnswer>[0]): JsonSchema[] =>
  new PersonalAnswer(definition).isPersonal ? refs('parameters', revealHeaders) : [];

const minPositionParameter: JsonSchema = {
  name: 'minPosition',
  in: 'query',
  required: false,
  description: 'Waits until this position is there, such as the one that a command answered with.',
  // Without the examples of Position: a page would fill one in, and the query wait for what is not there.
  schema: { type: 'string', pattern: '^\\d{1,19}$' },
};

const asOfParameters: JsonSchema[] = [
  {
    name: 'asOf',
    in: 'query',
    required: false,
    description: `Answers with what was known then: ${AS_OF_FORMS}.`,
    schema: { type: 'string', maxLength: 8192 },
  },
  {
    name: 'definition',
    in: 'query',
    required: false,
    description: 'With `asOf`: where what made the answer of then has changed, answers by what is in use now.',
    schema: { type: 'string', enum: ['current'] },
  },
];

const etagHeader: JsonSchema = {
  ETag: { description: 'The revision, quoted.', required: true, schema: { type: 'string' }, example: '"0"' },
};

function exampleFor(
  body: JsonSchema,
  answer: z.ZodType,
  paged: boolean,
  components: SchemaComponents,
  samples: Samples,
): JsonSchema {
  const example = exampleOf(body, components, samples) as { data: any };
  const parsed = answer.safeParse(paged ? example.data[0] : example.data);
  return parsed.success ? { example } : {};
}

const roles = (allowed: readonly string[]): string => `For the roles ${allowed.join(', ')}.`;

const described = (schema: JsonSchema): JsonSchema =>
  schema['description'] ? { description: schema['description'] } : {};

const pathParameter = (name: string, schema: JsonSchema = { $ref: '#/components/schemas/Id' }): JsonSchema => ({
  name,
  in: 'path',
  required: true,
  schema,
});

const healthOperation = (name: string, summary: string, description: string, failing: number[]): JsonSchema => ({
  ...forAnybody({ operationId: name, summary }),
  description,
  tags: ['health'],
  responses: {
    200: {
      description: summary,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            properties: {
              status: { const: 'ok' },
              checks: { type: 'object', additionalProperties: { type: 'string' } },
            },
            required: ['status'],
            additionalProperties: false,
          },
          example: { status: 'ok' },
        },
      },
    },
    ...problems(400, 403, 500, ...failing),
  },
});

/** The tags of all operations, each once, with what it is about. */
function tagsOf(paths: JsonSchema, resources: readonly ResourceDefinition[], words: DocumentWords): JsonSchema[] {
  const about: Record<string, string> = {
    ...words.tags,
    ...Object.fromEntries(resources.map((resource) => [tagOf(resource.path), resource.about])),
    batch: 'Many commands in one request.',
    events: 'The log by position: what has happened, in order, for services that follow it.',
    snapshots: 'The read models as of points in the past, in tables of their own.',
    schemas: 'The form of the published events, for their consumers.',
    ids: 'Ids that belong to natural keys, made under a secret of the log.',
    health: 'How the process stands, for those who run it.',
  };
  const operations = Object.values<JsonSchema>(paths).flatMap((methods) => Object.values<JsonSchema>(methods));
  return [...new Set(operations.flatMap(({ tags }: JsonSchema) => tags as string[]))].map((name) => {
    const description = about[name];
    if (!description) throw new Error(`nothing says what the addresses under /v1/${name} are about`);
    return { name, description };
  });
}

/** One tag a resource: the step of its address after `/v1`. */
const tagOf = (path: string): string => path.split('/')[2] ?? path;
