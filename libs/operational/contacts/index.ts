import type { CommandDefinition } from '#platform/kernel/command.js';
import { contactAggregateCommands } from './contact/index.js';

/** All commands of the contacts context. */
export const contactCommands: CommandDefinition[] = [...contactAggregateCommands];
