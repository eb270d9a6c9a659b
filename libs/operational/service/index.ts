import type { CommandDefinition } from '#platform/kernel/command.js';
import { caseCommands } from './case/index.js';

/** All commands of the service context. */
export const serviceCommands: CommandDefinition[] = [...caseCommands];
