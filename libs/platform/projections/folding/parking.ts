import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { Projection } from '../definition/projection.js';

/** An event that was set aside, to be folded later by hand. */
export interface DeadLetter {
  readonly event: Pick<StoredEvent, 'position' | 'subject' | 'id' | 'type'>;
  readonly error: string;
  /** False for events that only wait behind a failed one of their subject. */
  readonly cause: boolean;
}

/** What is set aside in a build. */
export interface Parked {
  /** Subjects with an event set aside: their later events wait behind it. */
  readonly subjects: Iterable<string>;
  readonly events: number;
  readonly bytes: number;
}

/** About the bytes that an event takes in the table of dead letters, beside its texts. */
export const LETTER_BYTES = 120;

/** So much is set aside that the projection stops. Nothing of what was folded last is kept. */
export class ParkingFull extends Error {
  /** For the log, which holds nothing of an event. */
  readonly plain: string | undefined;
  /** @param cause why the next event fails; it may repeat what is in the event */
  constructor({ name, parkAtMost }: Projection, cause?: string) {
    super(
      `${name} stops: it has set aside as much as it may (${parkAtMost.events} events, ${parkAtMost.bytes} bytes), ` +
        `and the next event fails too${cause === undefined ? '' : ` (${cause})`}. Mend the projection, then retry or discard: yad dead-letters list ${name}`,
    );
    this.name = 'ParkingFull';
    if (cause !== undefined) this.plain = new ParkingFull({ name, parkAtMost } as Projection).message;
  }
}

const MAX_ERROR = 2000;
const WAITING = 'waits behind an earlier event of its subject';

/** Sets aside what cannot be folded, and what waits behind it, up to the projection's bound. */
export class Parking {
  private readonly subjects: Set<string>;
  private events: number;
  private bytes: number;
  private letters: DeadLetter[] = [];

  constructor(
    private readonly projection: Projection,
    parked: Parked,
  ) {
    this.subjects = new Set(parked.subjects);
    this.events = parked.events;
    this.bytes = parked.bytes;
  }

  /** Whether an event of the subject is set aside, so that its later ones must wait. */
  holds(subject: string): boolean {
    return this.subjects.size > 0 && this.subjects.has(subject);
  }

  /** How many events have been set aside and not taken. */
  get pending(): number {
    return this.letters.length;
  }

  /** @throws ParkingFull when it has set aside as much as it may */
  fail(event: StoredEvent, error: unknown): void {
    this.add(event, messageOf(error), true);
  }

  /** Sets aside an event that waits behind another. @throws ParkingFull */
  wait(event: StoredEvent): void {
    this.add(event, WAITING, false);
  }

  /** What has been set aside since the last call. */
  take(): DeadLetter[] {
    const { letters } = this;
    this.letters = [];
    return letters;
  }

  private add({ position, subject, id, type }: StoredEvent, error: string, cause: boolean): void {
    const told = error.slice(0, MAX_ERROR);
    this.events++;
    this.bytes += LETTER_BYTES + Buffer.byteLength(told) + subject.length + id.length + type.length;
    const { events, bytes } = this.projection.parkAtMost;
    if (this.events > events || this.bytes > bytes) throw new ParkingFull(this.projection, told);
    this.subjects.add(subject);
    // Without its data, which may be megabytes: the log has it.
    this.letters.push({ event: { position, subject, id, type }, error: told, cause });
  }
}

/** An error's message for the record, without characters that the database does not take. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll('\u0000', '');
