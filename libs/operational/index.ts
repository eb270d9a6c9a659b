import type { CommandDefinition } from '#platform/kernel/command.js';
import { contactCommands } from './contacts/index.js';
import { salesCommands } from './sales/index.js';
import { serviceCommands } from './service/index.js';

/** Every command of the modules; the registry mounts routes, validation and documents from it. */
export const commands: CommandDefinition[] = [...contactCommands, ...salesCommands, ...serviceCommands];
