/** Counts what each sender has under way, so that none takes all there is. */
export class AtOnceOfEach {
  private readonly underWay = new Map<string, number>();

  /** @param most of one sender; 0: as many as there are */
  constructor(private readonly most: number) {}

  /** Takes a place of a sender, who gives it back by `leave`. False where it has all of its own. */
  enter(sender: string): boolean {
    const count = this.underWay.get(sender) ?? 0;
    if (this.most > 0 && count >= this.most) return false;
    this.underWay.set(sender, count + 1);
    return true;
  }

  leave(sender: string): void {
    const count = this.underWay.get(sender) ?? 0;
    if (count > 1) this.underWay.set(sender, count - 1);
    else this.underWay.delete(sender);
  }

  /** What a sender has under way. */
  of(sender: string): number {
    return this.underWay.get(sender) ?? 0;
  }
}
