import type { CommandDefinition } from '#platform/kernel/command.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { caseCommands } from './case/index.js';
import { moveReplyToOriginal } from './policies/move-reply-to-original.policy.js';
import { remindWaitingCase } from './policies/remind-waiting-case.policy.js';
import { resolveWaitingCase } from './policies/resolve-waiting-case.policy.js';
import { wakeSnoozedCase } from './policies/wake-snoozed-case.policy.js';
import { caseResource } from './case/case.resource.js';

/** All commands of the service context. */
export const serviceCommands: CommandDefinition[] = [...caseCommands];

/** All policies of the service context. */
export const servicePolicies: PolicyDefinition[] = [
  wakeSnoozedCase,
  remindWaitingCase,
  resolveWaitingCase,
  moveReplyToOriginal,
];

/** The aggregates of the service context as they are read whole. */
export const serviceResources: ResourceDefinition[] = [caseResource];
