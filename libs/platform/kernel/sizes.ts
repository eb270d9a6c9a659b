/** Bytes of one event's data and personal fields at most. A message of the bus adds its envelope and headers. */
export const MOST_EVENT_BYTES = 6 * 1024 * 1024;

/**
 * Bytes of the events in one page of the log, about: a page ends before the event that would take it beyond. An event
 * of any size that is allowed fits into one. Where more than a page is held, its holder has a bound of its own.
 */
export const PAGE_BYTES = 8 * 1024 * 1024;

/** Characters of an event's stored JSON: what it weighs where events are held. A character takes one or two bytes. */
export const charactersOf = ({ data, personalData }: { data: string; personalData: string | null }): number =>
  data.length + (personalData?.length ?? 0);
