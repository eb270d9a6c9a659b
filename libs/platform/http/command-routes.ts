import { Controller, Delete, Inject, Patch, Post, Put, Req, Res, type Type } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandResult } from '#platform/command-handling/command-gateway.js';
import { CommandMessages } from '#platform/command-handling/command-message.js';
import { busCommandOf } from '#platform/command-handling/cqrs/command-bus.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { isId, type SecretIds } from '#platform/kernel/ids.js';
import { authorise, type Authenticator } from './authenticator.js';
import { envelopeOf } from './command-headers.js';
import { InvalidRequest, sendProblem } from './problem.js';
import { AUTHENTICATOR } from './tokens.js';

const verbs = { POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete };

interface Shell {
  bus: CommandBus;
  authenticator: Authenticator;
}

/**
 * A controller with one route for each command of the registry. The routes answer by themselves, without pipes,
 * guards and interceptors: those cost more than all that is done here.
 */
export function commandController(definitions: readonly CommandDefinition[], ids: SecretIds): Type {
  class Commands implements Shell {
    constructor(
      readonly bus: CommandBus,
      readonly authenticator: Authenticator,
    ) {}
  }
  Controller()(Commands);
  Inject(CommandBus)(Commands, undefined as any, 0);
  Inject(AUTHENTICATOR)(Commands, undefined as any, 1);
  const collections = collectionsOf(definitions);
  for (const definition of definitions) {
    const { prototype } = Commands;
    const { name } = definition;
    Object.defineProperty(prototype, name, {
      value: handlerOf(definition, collections, ids),
      writable: true,
      configurable: true,
    });
    verbs[definition.method](definition.path)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)!);
    Req()(prototype, name, 0);
    Res()(prototype, name, 1);
  }
  return Commands;
}

/** Where an aggregate's resources are: the path before `/:id` in most of its commands (a sale is found among the orders). */
export function collectionsOf(definitions: readonly CommandDefinition[]): (definition: CommandDefinition) => string {
  const uses = new Map<string, Map<string, number>>();
  for (const { on, path, creates } of definitions) {
    if (creates) continue;
    const collection = path.slice(0, path.indexOf('/:id'));
    const counts = uses.get(on.name) ?? new Map<string, number>();
    uses.set(on.name, counts.set(collection, (counts.get(collection) ?? 0) + 1));
  }
  return ({ on, path }) => [...(uses.get(on.name) ?? [])].toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? path;
}

function handlerOf(
  definition: CommandDefinition,
  collections: (definition: CommandDefinition) => string,
  ids: SecretIds,
) {
  const collection = collections(definition);
  const messages = new CommandMessages(definition, ids);
  const BusMessage = busCommandOf(definition);
  return async function (this: Shell, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      const { headers } = request;
      const found = this.authenticator.authenticate(headers);
      const principal = found instanceof Promise ? await found : found;
      authorise(principal, definition.allowed, definition.name);
      const id = definition.creates ? undefined : idInPath(request);
      const message = messages.message(request.body, id, envelopeOf(headers), principal.actor);
      const result: CommandResult = await this.bus.execute(new BusMessage(message) as any);
      if (definition.creates) reply.code(201).header('location', `${collection}/${result.id}`);
      else reply.code(200);
      reply
        .header('etag', `"${result.revision}"`)
        .header('content-type', 'application/json; charset=utf-8')
        .send(resultJson(result));
    } catch (error) {
      sendProblem(request, reply, error);
    }
  };
}

function idInPath({ params }: FastifyRequest): string {
  const { id } = params as { id: string };
  if (!isId(id)) throw new InvalidRequest('path', [{ pointer: '/id', message: 'is not a lower-case uuid' }]);
  return id;
}

/** The body of an answer to a command. */
export const resultJson = (result: CommandResult): string =>
  `{"id":"${result.id}","revision":${result.revision},"position":"${result.position}",` +
  `"events":${result.events},"repeated":${result.repeated}}`;
