/**
 * A map whose keys are streams, by aggregate and id: a key that joins the two would be made and hashed anew for each look,
 * where the texts at hand have their hashes.
 */
export class StreamMap<Value> {
  private readonly byAggregate = new Map<string, Map<string, Value>>();
  private entries = 0;

  get size(): number {
    return this.entries;
  }

  get(aggregate: string, aggregateId: string): Value | undefined {
    return this.byAggregate.get(aggregate)?.get(aggregateId);
  }

  set(aggregate: string, aggregateId: string, value: Value): void {
    let ofAggregate = this.byAggregate.get(aggregate);
    if (!ofAggregate) this.byAggregate.set(aggregate, (ofAggregate = new Map()));
    const before = ofAggregate.size;
    ofAggregate.set(aggregateId, value);
    this.entries += ofAggregate.size - before;
  }

  delete(aggregate: string, aggregateId: string): void {
    if (this.byAggregate.get(aggregate)?.delete(aggregateId)) this.entries--;
  }

  clear(): void {
    this.byAggregate.clear();
    this.entries = 0;
  }

  *values(): Iterable<Value> {
    for (const ofAggregate of this.byAggregate.values()) yield* ofAggregate.values();
  }
}
