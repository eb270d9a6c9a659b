import type { CustomerEvent } from './customer-tables.js';

/** A part of the log. */
export interface FeedPage {
  events: CustomerEvent[];
  /** All up to this position was looked at. */
  through: bigint;
}

/** The log goes on without what was read after a position: a failover or a restore. */
export class PositionLost extends Error {
  constructor(readonly goOnAfter: bigint) {
    super(`the log goes on after ${goOnAfter}`);
  }
}

/** Reads the log itself, by `GET /v1/events`: what the topic no longer has, or never had. */
export class EventFeed {
  constructor(private readonly url: string) {}

  /**
   * The events after a position, page by page, up to another or to the end of the log as it is now.
   * @throws PositionLost
   */
  async *read({
    after,
    through,
    subject,
  }: {
    after: bigint;
    through?: bigint | undefined;
    subject?: string;
  }): AsyncGenerator<FeedPage> {
    // From the second page on by `next`, which tells the log's incarnation, too.
    for (let place = String(after); ;) {
      const query = new URLSearchParams({ after: place, ...(subject && { subject }) });
      const answer = await fetch(`${this.url}/v1/events?${query}`);
      if (answer.status === 410) throw new PositionLost(BigInt(((await answer.json()) as any).goOnAfter));
      if (!answer.ok) throw new Error(`the feed answers ${answer.status}: ${await answer.text()}`);
      const page: any = await answer.json();
      const events = page.events.map(({ type, subject: about, yadposition, data }: any): CustomerEvent => ({
        type,
        subject: about,
        position: BigInt(yadposition),
        data,
      }));
      const upTo = (event: CustomerEvent): boolean => through === undefined || event.position <= through;
      after = BigInt(page.through);
      place = page.next;
      yield { events: events.filter(upTo), through: through !== undefined && after > through ? through : after };
      if (!page.more || (through !== undefined && after >= through)) return;
    }
  }
}
