import { Controller, Delete, Inject, Patch, Post, Put, Req, Res, type Type } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CommandResult } from '#platform/command-handling/command-gateway.js';
import { CommandMessages } from '#platform/command-handling/command-message.js';
import { busCommandOf } from '#platform/cqrs/buses.js';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { isId, type SecretIds } from '#platform/kernel/ids.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import type { Admission } from './admission.js';
import { envelopeOf } from './command-headers.js';
import { InvalidRequest, sendProblem } from './problem.js';
import { traceparentOf } from './request-watch.js';
import { ADMISSION } from './tokens.js';

const verbs = { POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete };

interface Shell {
  bus: CommandBus;
  admission: Admission;
}

/**
 * A controller with one route for each command of the registry. The routes answer by themselves, without pipes,
 * guards and interceptors: those cost more than all that is done here.
 */
export function commandController(
  definitions: readonly CommandDefinition[],
  resources: readonly ResourceDefinition[],
  ids: SecretIds,
): Type {
  class Commands implements Shell {
    constructor(
      readonly bus: CommandBus,
      readonly admission: Admission,
    ) {}
  }
  Controller()(Commands);
  Inject(CommandBus)(Commands, undefined as any, 0);
  Inject(ADMISSION)(Commands, undefined as any, 1);
  for (const definition of definitions) {
    const { prototype } = Commands;
    const { name } = definition;
    Object.defineProperty(prototype, name, {
      value: handlerOf(definition, definition.creates ? collectionOf(definition, resources) : '', ids),
      writable: true,
      configurable: true,
    });
    verbs[definition.method](definition.path)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)!);
    Req()(prototype, name, 0);
    Res()(prototype, name, 1);
  }
  return Commands;
}

/**
 * Where a command's aggregate is read: what the `Location` of a creating command leads to.
 * @throws Error when a command creates what no resource shows
 */
export function collectionOf(definition: CommandDefinition, resources: readonly ResourceDefinition[]): string {
  const found = resources.find(({ on }) => on === definition.on);
  if (!found) throw new Error(`${definition.name}: its aggregate ${definition.on.name} has no resource to be read at`);
  return found.collection;
}

/** @param collection of a creating command: where its aggregates are read */
function handlerOf(definition: CommandDefinition, collection: string, ids: SecretIds) {
  const messages = new CommandMessages(definition, ids);
  const BusMessage = busCommandOf(definition);
  return async function (this: Shell, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      const found = this.admission.admit(request, definition, reply);
      const principal = found instanceof Promise ? await found : found;
      const id = definition.creates ? undefined : idInPath(request);
      const envelope = envelopeOf(request.headers, principal, traceparentOf(request));
      const message = messages.message(request.body, id, envelope, principal.actor);
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
