/** The answer would take more events than are folded for one question: whoever asked is to read a snapshot. */
export class TooMuchToFold extends Error {
  /** @param what is too much: `more than 10000 events` */
  constructor(readonly what: string) {
    super(`what the question is about is too much to be folded while somebody waits: ${what}`);
    this.name = 'TooMuchToFold';
  }
}

/** How much is folded for one question at most. */
export interface FoldBounds {
  readonly subjects: number;
  readonly events: number;
  /** Characters of what the events say. */
  readonly characters: number;
  /** Changes of histories at positions between which partitions were apart. */
  readonly doubts: number;
}

/** Some tenths of a second of a processor; each question also holds a connection, which bounds how many there are at once. */
export const usualFoldBounds: FoldBounds = {
  subjects: 1_000,
  events: 10_000,
  characters: 8 * 1024 * 1024,
  doubts: 10_000,
};
