/** A name of a snapshot stands in addresses beside positions and instants, and must not be taken for one. */
export const SNAPSHOT_NAME = /^[a-z]([a-z0-9-]{0,58}[a-z0-9])?$/;
