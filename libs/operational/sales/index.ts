import type { CommandDefinition } from '#platform/kernel/command.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { orderCommands } from './order/index.js';
import { returnCommands } from './return/index.js';
import { expireDraftOrder } from './policies/expire-draft-order.policy.js';
import { orderResource } from './order/order.resource.js';
import { returnResource } from './return/return.resource.js';

/** All commands of the sales context. */
export const salesCommands: CommandDefinition[] = [...orderCommands, ...returnCommands];

/** All policies of the sales context. */
export const salesPolicies: PolicyDefinition[] = [expireDraftOrder];

/** The aggregates of the sales context as they are read whole. */
export const salesResources: ResourceDefinition[] = [orderResource, returnResource];
