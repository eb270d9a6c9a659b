import { Controller, Get, Inject, Req, Res, type Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ResourceReader } from '#platform/command-handling/resource-reader.js';
import { NotFound } from '#platform/kernel/errors.js';
import { isId } from '#platform/kernel/ids.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import type { Freshness } from '#platform/projections/queries/freshness.js';
import type { Admission } from './admission.js';
import { HttpProblem, InvalidRequest, sendProblem } from './problem.js';
import { positionIn, refuseUndecodable } from './query-routes.js';
import { PersonalAnswer, sightOf } from './sight.js';
import { ADMISSION, RESOURCE_PARTS } from './tokens.js';
import { varyBy } from './vary.js';

/** What aggregates are read with. */
export interface ResourceParts {
  readonly reader: ResourceReader;
  readonly freshness: Pick<Freshness, 'waitFor'>;
  /** How long `minPosition` is waited for. */
  readonly timeoutMs: number;
}

interface Shell {
  admission: Admission;
  parts: ResourceParts;
}

/** A controller with one GET route for each aggregate: the whole of it, from the event store. */
export function resourceController(definitions: readonly ResourceDefinition[]): Type {
  class Resources implements Shell {
    constructor(
      readonly admission: Admission,
      readonly parts: ResourceParts,
    ) {}
  }
  Controller()(Resources);
  [ADMISSION, RESOURCE_PARTS].forEach((token, i) => Inject(token)(Resources, undefined as any, i));
  for (const definition of definitions) {
    const { prototype } = Resources;
    const { name } = definition;
    Object.defineProperty(prototype, name, { value: handlerOf(definition), writable: true, configurable: true });
    Get(definition.path)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)!);
    Req()(prototype, name, 0);
    Res()(prototype, name, 1);
  }
  return Resources;
}

function handlerOf(definition: ResourceDefinition) {
  const { on } = definition;
  const personal = new PersonalAnswer(definition);
  return async function (this: Shell, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      const { reader, freshness, timeoutMs } = this.parts;
      const principal = await this.admission.admit(request, definition, reply);
      const sight = personal.isPersonal ? sightOf(principal, request.headers) : undefined;
      const { id } = request.params as { id: string };
      if (!isId(id)) throw new InvalidRequest('path', [{ pointer: '/id', message: 'is not a lower-case uuid' }]);
      const minPosition = minPositionOf(request);
      // The store itself is read: what was answered with a position is in it, or was lost with a failover.
      if (minPosition !== undefined && (await freshness.waitFor(minPosition, [], timeoutMs)) === undefined) {
        throw new HttpProblem('not-yet-there', `the log does not hold position ${minPosition} yet`);
      }
      // One revision has two forms: what was kept of the one must not stand for the other.
      if (personal.isPersonal) varyBy(reply, 'authorization, yad-reveal');
      for (const revision of revisionsIn(request.headers['if-none-match'])) {
        if (!(await reader.isAt(definition, id, revision))) continue;
        reply.code(304).header('etag', `"${revision}"`).send();
        return;
      }
      const found = await reader.read(definition, id);
      if (!found) throw new NotFound(`there is no ${on.name} ${id}`);
      // Before anybody sees it.
      if (sight) await this.admission.seen(request, definition.name, principal, sight);
      const { answer, position, recordedAt, revision } = found;
      const data = personal.isPersonal && !sight ? personal.masked(answer) : answer;
      const body = { data, freshness: { position: String(position), recordedAt } };
      reply
        .code(200)
        .header('etag', `"${revision}"`)
        .header('content-type', 'application/json; charset=utf-8')
        .send(JSON.stringify(body));
    } catch (error) {
      sendProblem(request, reply, error);
    }
  };
}

function minPositionOf(request: FastifyRequest): bigint | undefined {
  refuseUndecodable(request.raw.url!);
  const { minPosition, ...others } = request.query as Record<string, string | string[]>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new InvalidRequest('query', [{ pointer: `/${unknown}`, message: 'is not a known parameter' }]);
  }
  return positionIn(minPosition);
}

const TAG = /(?:W\/)?"(\d{1,9})"/g;
/** Revisions of one header that are looked up: who sends more is answered with the whole. */
const MOST_TAGS = 5;

/** The revisions that a client holds, as If-None-Match names them; what is no revision names nothing of ours. */
function revisionsIn(header: string | undefined): number[] {
  if (header === undefined) return [];
  return [...new Set([...header.matchAll(TAG)].map(([, revision]) => Number(revision)))].slice(0, MOST_TAGS);
}
