import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NotFound } from '#platform/kernel/errors.js';
import { LOG_FORKED } from '#platform/kernel/log-forked.js';
import { schemaId } from '#platform/kernel/published-event.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import { asyncApiDocument, type PublishedTopic } from '#platform/schemas/asyncapi.js';
import { eventSchema, logForkedSchema } from '#platform/schemas/event-schemas.js';
import { sendProblem } from './problem.js';
import { PUBLISHED_TOPIC } from './tokens.js';

/** A version of an event that was ever written. */
const WHOLE = /^[1-9]\d{0,4}$/;

/**
 * What a consumer of the topic goes by: `GET /asyncapi.json`, and `GET /v1/schemas` with the JSON Schema of each version
 * of each event. They say nothing of any customer, and are made once.
 */
@Controller()
export class SchemasController {
  private readonly contracts: ReadonlyMap<string, EventContract<any>>;
  private readonly texts = new Map<string, string>();

  constructor(@Inject(PUBLISHED_TOPIC) private readonly published: PublishedTopic) {
    this.contracts = new Map(published.events.map((contract) => [contract.type, contract]));
  }

  @Get('/asyncapi.json')
  document(@Res() reply: FastifyReply): void {
    const text = this.textOf('asyncapi', () => asyncApiDocument(this.published));
    reply.code(200).header('content-type', 'application/json; charset=utf-8').send(text);
  }

  @Get('/v1/schemas')
  index(@Res() reply: FastifyReply): void {
    const entry = (type: string, version: number, current: boolean) => ({
      id: schemaId(type, version),
      type,
      version,
      current,
      href: `/v1/schemas/${type}/${version}`,
    });
    const text = this.textOf('index', () => ({
      schemas: [
        ...this.published.events.flatMap(({ type, version: current, versions }) =>
          [...versions.keys()].map((version) => entry(type, version, version === current)),
        ),
        entry(LOG_FORKED, 1, true),
      ],
    }));
    reply.code(200).header('content-type', 'application/json; charset=utf-8').send(text);
  }

  @Get('/v1/schemas/:type/:version')
  schema(
    @Param('type') type: string,
    @Param('version') version: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): void {
    const contract = this.contracts.get(type);
    const versions = contract ? [...contract.versions.keys()] : type === LOG_FORKED ? [1] : [];
    if (!WHOLE.test(version) || !versions.includes(Number(version))) {
      const there =
        versions.length === 0 ? `there is no event ${type}` : `${type} has the versions ${versions.join(', ')}`;
      sendProblem(request, reply, new NotFound(there));
      return;
    }
    const make = () => (contract ? eventSchema(contract, Number(version)) : logForkedSchema());
    const text = this.textOf(`${type}/${version}`, make);
    reply.code(200).header('content-type', 'application/schema+json; charset=utf-8').send(text);
  }

  private textOf(name: string, make: () => unknown): string {
    const text = this.texts.get(name) ?? JSON.stringify(make());
    this.texts.set(name, text);
    return text;
  }
}
