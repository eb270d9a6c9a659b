/** Key of the advisory lock under which positions are taken: one appender at a time, for as long as its commit takes. */
export const APPEND_LOCK = 7_961_641;
/** Channel on which a commit is told to readers of other processes. */
export const CHANNEL = 'yad_events';
