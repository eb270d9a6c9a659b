import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problem.js';

/** What one body is booked with until it is let go of. */
export interface BodyHold {
  /** The body turned out to have so many bytes: what is above that which is booked is booked now. @throws HttpProblem overloaded */
  reach(bytes: number): void;
  /** Gives all of it back; may be called more than once. */
  release(): void;
}

/**
 * Bounds the bytes of the bodies that are being read or answered, as each of them becomes text, objects, events and
 * parameters: some eight times its size in memory for a while. One alone is always taken; how large a single one may
 * be is the route's to say.
 */
export class BodiesUnderWay {
  private bytes = 0;

  constructor(private readonly most: number) {}

  /**
   * Books a body. Undefined where there is no body, or it is refused by its size anyway.
   * @param atMost what a sender is taken at that does not say how much it sends
   * @throws HttpProblem overloaded
   */
  take({ headers }: IncomingMessage, atMost: number): BodyHold | undefined {
    const length = headers['content-length'];
    if (length === undefined && headers['transfer-encoding'] === undefined) return undefined;
    const bytes = length === undefined ? atMost : Number(length);
    // Refused by its size alone, unread.
    if (bytes > atMost) return undefined;
    let held = 0;
    let over = false;
    const hold: BodyHold = {
      reach: (total) => {
        const more = total - held;
        if (more <= 0 || over) return;
        this.book(held, more);
        held += more;
      },
      release: () => {
        over = true;
        this.bytes -= held;
        held = 0;
      },
    };
    hold.reach(bytes);
    return hold;
  }

  private book(held: number, more: number): void {
    if (this.bytes > held && this.bytes + more > this.most) {
      throw new HttpProblem(
        'overloaded',
        `bodies of ${this.bytes} bytes are under way, with this one more than ${this.most}; send it again later`,
      );
    }
    this.bytes += more;
  }
}
