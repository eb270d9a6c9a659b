import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RecordingTimes } from './recording-times.js';

/** Seconds of the clock, event by event, and how far apart their positions are. */
const clocks = fc.array(
  fc.record({ second: fc.integer({ min: 1, max: 30 }), gap: fc.bigInt({ min: 1n, max: 900n }) }),
  {
    minLength: 1,
    maxLength: 60,
  },
);

const logOf = (drawn: readonly { second: number; gap: bigint }[]) => {
  let position = 0n;
  let latest = 0;
  return drawn.map(({ second, gap }, i) => {
    position += gap;
    latest = Math.max(latest, second * 1000);
    // By one way a time comes to the second, by the other it does not.
    return { position, created: new Date(second * 1000 + ((i * 37) % 1000)), expected: new Date(latest) };
  });
};

it('the time of each event is the latest up to it, whoever noted it, from wherever', () => {
  fc.assert(
    fc.property(clocks, fc.nat({ max: 59 }), fc.nat({ max: 59 }), (drawn, first, second) => {
      const log = logOf(drawn);
      const times = new RecordingTimes();
      for (const { position, created } of log) times.note(position, created);
      for (const { position, created, expected } of log) expect(times.of(position, created)).toEqual(expected);
      // What one knows up to a point, another takes over that knows less, and goes on.
      const [own, told] = [new RecordingTimes(), new RecordingTimes()];
      for (const { position, created } of log.slice(0, first)) own.note(position, created);
      for (const { position, created } of log.slice(0, second)) told.note(position, created);
      const spans = told.spansAfter(own.through);
      own.learn({ through: told.through, latest: told.last.getTime(), spans });
      for (const { position, created } of log) own.note(position, created);
      for (const { position, created, expected } of log) expect(own.of(position, created)).toEqual(expected);
      expect(own.last).toEqual(log.at(-1)!.expected);
    }),
  );
});
