import type { CommandDefinition } from '#platform/kernel/command.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { orderCommands } from './order/index.js';
import { returnCommands } from './return/index.js';
import { orderResource } from './order/order.resource.js';
import { returnResource } from './return/return.resource.js';

/** All commands of the sales context. */
export const salesCommands: CommandDefinition[] = [...orderCommands, ...returnCommands];

/** The aggregates of the sales context as they are read whole. */
export const salesResources: ResourceDefinition[] = [orderResource, returnResource];
