import type { CommandDefinition } from '#platform/kernel/command.js';
import { orderCommands } from './order/index.js';
import { returnCommands } from './return/index.js';

/** All commands of the sales context. */
export const salesCommands: CommandDefinition[] = [...orderCommands, ...returnCommands];
