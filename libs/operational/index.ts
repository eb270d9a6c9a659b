import type { CommandDefinition } from '#platform/kernel/command.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { contactCommands, contactPolicies, contactResources } from './contacts/index.js';
import { salesCommands, salesPolicies, salesResources } from './sales/index.js';
import { serviceCommands, servicePolicies, serviceResources } from './service/index.js';

/** Every command of the modules; the registry mounts routes, validation and documents from it. */
export const commands: CommandDefinition[] = [...contactCommands, ...salesCommands, ...serviceCommands];

/** What follows when something has happened, now or at a time. */
export const policies: PolicyDefinition[] = [...contactPolicies, ...salesPolicies, ...servicePolicies];

/** Every aggregate as it is read whole: one for each aggregate that a command is on. */
export const resources: ResourceDefinition[] = [...contactResources, ...salesResources, ...serviceResources];
