import type { CommandDefinition } from '#platform/kernel/command.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { caseCommands } from './case/index.js';
import { caseResource } from './case/case.resource.js';

/** All commands of the service context. */
export const serviceCommands: CommandDefinition[] = [...caseCommands];

/** The aggregates of the service context as they are read whole. */
export const serviceResources: ResourceDefinition[] = [caseResource];
