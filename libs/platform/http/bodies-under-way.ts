import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problem.js';

/**
 * Bounds the bytes of the bodies that are being read or answered, as each of them becomes text, objects, events and
 * parameters: some eight times its size in memory for a while. One alone is always taken; how large a single one may
 * be is the route's to say.
 */
export class BodiesUnderWay {
  private bytes = 0;

  constructor(private readonly most: number) {}

  /**
   * Counts a body. Returns how to let go of it, which may be called more than once; undefined where there is no body.
   * @param atMost what a sender is taken at that does not say how much it sends
   * @throws HttpProblem overloaded
   */
  take({ headers }: IncomingMessage, atMost: number): (() => void) | undefined {
    const length = headers['content-length'];
    if (length === undefined && headers['transfer-encoding'] === undefined) return undefined;
    const bytes = length === undefined ? atMost : Number(length);
    // Refused by its size alone, unread.
    if (bytes > atMost) return undefined;
    if (this.bytes > 0 && this.bytes + bytes > this.most) {
      throw new HttpProblem(
        'overloaded',
        `bodies of ${this.bytes} bytes are under way, with this one more than ${this.most}; send it again later`,
      );
    }
    this.bytes += bytes;
    let held = bytes;
    return () => {
      this.bytes -= held;
      held = 0;
    };
  }
}
