import type { CommandDefinition } from '#platform/kernel/command.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { contactAggregateCommands } from './contact/index.js';
import { contactResource } from './contact/contact.resource.js';
import { followPurchases } from './policies/follow-purchases.policy.js';

/** All commands of the contacts context. */
export const contactCommands: CommandDefinition[] = [...contactAggregateCommands];

/** All policies of the contacts context. */
export const contactPolicies: PolicyDefinition[] = [followPurchases];

/** The aggregates of the contacts context as they are read whole. */
export const contactResources: ResourceDefinition[] = [contactResource];
