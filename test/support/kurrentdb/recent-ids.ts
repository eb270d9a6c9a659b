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

  constructor(private readonly bound: number) {}

  get(id: string): EventPlace | undefined {
    return this.places.get(id);
  }

  put(id: string, place: EventPlace): void {
    this.places.set(id, place);
    if (this.places.size <= this.bound) return;
    for (const oldest of this.places.keys()) {
      this.places.delete(oldest);
      return;
    }
  }
}
