/** How far read models have come: every event up to `position` is in them. */
export interface Reached {
  readonly position: bigint;
  /** When the event at that position was recorded; null when there is none yet. */
  readonly recordedAt: Date | null;
}

/** What the HTTP shell asks of the projection runtime, so that a reader can see its own writes. */
export interface Freshness {
  /** The least that all of these projections have reached. */
  current(projections: readonly string[]): Promise<Reached>;
  /** Resolves to true as soon as all of these projections hold the position, to false after `timeoutMs`. */
  waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<boolean>;
}
