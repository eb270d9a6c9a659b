/** Tokens under which the shell's parts find one another. */
export const AUTHENTICATOR = Symbol('Authenticator');
export const BATCH_DEFINITIONS = Symbol('commands by name');
export const COMMAND_IDS = Symbol('ids of commands');
export const NATURAL_IDS = Symbol('ids of natural keys');
export const QUERY_PARTS = Symbol('what queries are answered with');
export const RESOURCE_PARTS = Symbol('what aggregates are read with');
export const DOCUMENT = Symbol('OpenAPI document');
export const READINESS = Symbol('readiness checks');
