/** Statements that a connection keeps planned: each filter that is given or left out makes a text of its own. */
const MOST_PREPARED = 256;

/** Names under which texts are prepared; beyond a number of them a text has none and is planned each time. */
export class PreparedNames {
  private readonly names = new Map<string, string>();
  private named = 0;

  of(text: string): string | undefined {
    const known = this.names.get(text);
    if (known || this.names.size >= MOST_PREPARED) return known;
    const name = `read-${this.named++}`;
    this.names.set(text, name);
    return name;
  }

  /** It is prepared under a new name from now on, on all connections: what it was prepared for is not there any more. */
  forget(text: string): void {
    this.names.delete(text);
  }
}
