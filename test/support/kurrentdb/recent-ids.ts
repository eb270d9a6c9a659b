/** Where an event is. */
export interface EventPlace {
  readonly stream: string;
  readonly revision: number;
}

/**
 * The ids of the events written last. The server knows a repeated write to *any* revision by them, so only while it is
 * recent; one to an exact revision it knows by the stream itself.
 */
export class RecentIds {
  private readonly places = new Map<string, EventPlace>();
  /** The ids by age, in a ring: a map whose oldest entries are taken away one by one is slow to iterate. */
  private readonly ring: string[] = [];
  private next = 0;

  constructor(private readonly bound: number) {}

  get(id: string): EventPlace | undefined {
    return this.places.get(id);
  }

  put(id: string, place: EventPlace): void {
    const oldest = this.ring[this.next];
    if (oldest !== undefined) this.places.delete(oldest);
    this.ring[this.next] = id;
    this.next = (this.next + 1) % this.bound;
    this.places.set(id, place);
  }
}
