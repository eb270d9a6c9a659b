import type { Role } from '#platform/kernel/command.js';
import type { JsonSchema, SchemaComponents } from '#platform/schemas/components.js';
import { MAY_LOOK, MAY_MAKE, MOST_LISTED, SnapshotAnswer, SnapshotPage, SnapshotWanted } from '../snapshot-shape.js';
import { problems, refs, waitingHeaders } from './shared.js';

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly allowed: readonly Role[];
  readonly operation: JsonSchema;
}

const id: JsonSchema = { name: 'id', in: 'path', required: true, schema: { $ref: '#/components/schemas/Id' } };
const query = (name: string, description: string, schema: JsonSchema): JsonSchema => ({
  name,
  in: 'query',
  required: false,
  description,
  schema,
});

/** The operations about snapshots of the read models. */
export function snapshotOperations({ components }: { readonly components: SchemaComponents }): Operation[] {
  const wanted = components.schemaOf(SnapshotWanted, 'input');
  const one = components.schemaOf(SnapshotAnswer, 'output');
  const page = components.schemaOf(SnapshotPage, 'output');
  const json = (schema: JsonSchema, example: unknown): JsonSchema => ({ 'application/json': { schema, example } });
  const tags = ['snapshots'];
  const location = {
    Location: { description: 'The snapshot: how far it is, and where it is dropped.', schema: { type: 'string' } },
  };
  return [
    {
      path: '/v1/snapshots',
      method: 'POST',
      allowed: MAY_MAKE,
      operation: {
        operationId: 'MakeSnapshot',
        summary: 'Has the read models made as of a point',
        description: [
          'All who ask for the same point share one. Where it is there, or is there within the time that `Prefer: wait=10` says,',
          'the answer is 201; otherwise 202, and `Location` shows how far it is. How many there may be, and how large they may be',
          'together, the settings say (`SNAPSHOTS_MOST`, `SNAPSHOTS_MOST_MB`).',
        ].join(' '),
        tags,
        parameters: refs('parameters', waitingHeaders),
        requestBody: {
          required: true,
          content: json(wanted, { name: 'closing-2026-10', asOf: '2026-11-01T00:00:00Z' }),
        },
        responses: {
          201: { description: 'It is ready', headers: location, content: json(one, example) },
          202: {
            description: 'It is being made',
            headers: {
              ...location,
              'Retry-After': { description: 'Seconds until it makes sense to look.', schema: { type: 'string' } },
            },
            content: json(one, {
              ...example,
              status: 'building',
              step: 'reading the log',
              progress: 0.4,
              endedAt: null,
            }),
          },
          ...problems(400, 401, 403, 408, 409, 410, 413, 415, 429, 431, 500, 503),
        },
      },
    },
    {
      path: '/v1/snapshots',
      method: 'GET',
      allowed: MAY_LOOK,
      operation: {
        operationId: 'Snapshots',
        summary: 'The snapshots, the latest first',
        description: 'Also those that are being made, and for a day those that failed or were cancelled.',
        tags,
        parameters: [
          query('limit', 'How many in one page.', { type: 'integer', minimum: 1, maximum: MOST_LISTED, default: 50 }),
          query('cursor', 'The `next` of the page before.', { $ref: '#/components/schemas/Id' }),
        ],
        responses: {
          200: { description: 'A page of them', content: json(page, { data: [example] }) },
          ...problems(400, 401, 403, 414, 429, 431, 500, 503),
        },
      },
    },
    {
      path: '/v1/snapshots/:id',
      method: 'GET',
      allowed: MAY_LOOK,
      operation: {
        operationId: 'Snapshot',
        summary: 'One snapshot, and how far it is',
        description:
          'While it is being made, `progress` and `step` tell how far it is; afterwards what became of it, and why.',
        tags,
        parameters: [id],
        responses: {
          200: { description: 'The snapshot', content: json(one, example) },
          ...problems(400, 401, 403, 404, 429, 431, 500, 503),
        },
      },
    },
    {
      path: '/v1/snapshots/:id',
      method: 'DELETE',
      allowed: MAY_MAKE,
      operation: {
        operationId: 'DropSnapshot',
        summary: 'Cancels a snapshot that is being made, or drops one',
        description:
          'Nobody finds it from then on. Its tables go when those have ended who read them now. The record of one that failed or was cancelled goes at once.',
        tags,
        parameters: [id],
        responses: {
          200: {
            description: 'It is cancelled, or being dropped',
            content: json(one, { ...example, status: 'dropping', reason: 'by ada' }),
          },
          ...problems(400, 401, 403, 404, 429, 431, 500, 503),
        },
      },
    },
  ];
}

const example = {
  id: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
  names: ['closing-2026-10'],
  status: 'ready',
  through: '1234',
  now: '2026-10-31T23:59:59.999Z',
  projections: [{ name: 'contacts', version: 3 }],
  step: '',
  progress: 1,
  bytes: 52_428_800,
  madeBy: 'ada',
  madeAt: '2026-11-01T00:00:02.000Z',
  endedAt: '2026-11-01T00:00:09.000Z',
  lastUsedAt: '2026-11-02T08:12:00.000Z',
  keptUntil: null,
  reason: null,
};
