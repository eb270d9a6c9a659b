import type { BusLog } from '#platform/event-bus/bus-log.js';
import type { Log } from '#platform/observability/log.js';

/** The log of the process, as the bus knows one. */
export const busLogOf = (log: Log): BusLog => ({
  warn: (message, error) => log.warn(message, error === undefined ? undefined : { trouble: error }),
});
