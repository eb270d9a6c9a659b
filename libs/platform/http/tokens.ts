/** Tokens under which the shell's parts find one another. */
export const ADMISSION = Symbol('admission');
export const BATCH_DEFINITIONS = Symbol('commands by name');
export const COMMAND_IDS = Symbol('ids of commands');
export const NATURAL_IDS = Symbol('ids of natural keys');
export const QUERY_PARTS = Symbol('what queries are answered with');
export const RESOURCE_PARTS = Symbol('what aggregates are read with');
export const DOCUMENT = Symbol('OpenAPI document');
/** What is told of the topic of events: AsyncAPI document and schemas. */
export const PUBLISHED_TOPIC = Symbol('published topic');
/** The log by position, for consumers. */
export const EVENT_FEED = Symbol('event feed');
/** The read models as of points. */
export const SNAPSHOTS = Symbol('snapshots');
export const METRICS = Symbol('metrics');
/** Told of what became of the commands of a batch. */
export const BATCH_OBSERVER = Symbol('batch observer');
export const READINESS = Symbol('readiness checks');
