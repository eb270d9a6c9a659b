import type { Provider } from '@nestjs/common';
import { CommandHandler, QueryHandler } from '@nestjs/cqrs';
import type { CommandDefinition } from '#platform/kernel/command.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import type { CommandGateway, CommandResult } from '#platform/command-handling/command-gateway.js';
import type { CommandMessage } from '#platform/command-handling/command-message.js';

/** Token of the CommandGateway that the handlers hand their commands to. */
export const COMMAND_GATEWAY = Symbol('CommandGateway');

/** What travels on Nest's CommandBus: one class a command, so that handlers, and who watches the bus, tell them apart. */
export interface BusCommand {
  readonly message: CommandMessage;
}
type QueryContext = Parameters<QueryDefinition['run']>[1];

/** What travels on Nest's QueryBus. */
export interface BusQuery {
  readonly parameters: any;
  readonly context: QueryContext;
}

export type BusCommandClass = new (message: CommandMessage) => BusCommand;
export type BusQueryClass = new (parameters: any, context: QueryContext) => BusQuery;

const commandClasses = new WeakMap<CommandDefinition, BusCommandClass>();
const queryClasses = new WeakMap<QueryDefinition, BusQueryClass>();

/** The message class of a command; the same for each call. */
export function busCommandOf(definition: CommandDefinition): BusCommandClass {
  let found = commandClasses.get(definition);
  if (!found) {
    found = named(
      definition.name,
      class {
        constructor(readonly message: CommandMessage) {}
      },
    );
    commandClasses.set(definition, found);
  }
  return found;
}

/** The message class of a query; the same for each call. */
export function busQueryOf(definition: QueryDefinition): BusQueryClass {
  let found = queryClasses.get(definition);
  if (!found) {
    found = named(
      definition.name,
      class {
        constructor(
          readonly parameters: any,
          readonly context: QueryContext,
        ) {}
      },
    );
    queryClasses.set(definition, found);
  }
  return found;
}

/** One handler a command, made from the registry: Nest finds and registers them when the application starts. */
export const commandHandlers = (definitions: readonly CommandDefinition[]): Provider[] =>
  unique(definitions).map((definition) => {
    const Handler = named(
      `${definition.name}Handler`,
      class {
        constructor(private readonly gateway: CommandGateway) {}
        execute({ message }: BusCommand): Promise<CommandResult> {
          return this.gateway.execute(message);
        }
      },
    );
    CommandHandler(busCommandOf(definition) as any)(Handler);
    return {
      provide: Handler,
      useFactory: (gateway: CommandGateway) => new Handler(gateway),
      inject: [COMMAND_GATEWAY],
    };
  });

/** One handler a query, made from the registry. */
export const queryHandlers = (definitions: readonly QueryDefinition[]): Provider[] =>
  unique(definitions).map((definition) => {
    const Handler = named(
      `${definition.name}Handler`,
      class {
        execute({ parameters, context }: BusQuery): Promise<unknown> {
          return definition.run(parameters, context);
        }
      },
    );
    QueryHandler(busQueryOf(definition) as any)(Handler);
    return { provide: Handler, useFactory: () => new Handler() };
  });

function unique<D extends { name: string }>(definitions: readonly D[]): readonly D[] {
  const names = new Set<string>();
  for (const { name } of definitions) {
    if (names.has(name)) throw new Error(`${name} is registered twice`);
    names.add(name);
  }
  return definitions;
}

const named = <C extends new (...args: any[]) => any>(name: string, type: C): C =>
  Object.defineProperty(type, 'name', { value: name });
