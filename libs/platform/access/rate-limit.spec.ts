import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AtOnceOfEach } from './at-once.js';
import { FailedSignIns, networkOf } from './failed-sign-ins.js';
import { RateLimiter } from './rate-limit.js';

const clock = () => {
  const at = { ms: 5_000 };
  return { at, now: () => at.ms };
};

/** Takes one; gives it back where it was not there. Whether it was. */
const takes = (limiter: RateLimiter, sender: string): boolean => {
  const bucket = limiter.take(sender);
  const isIn = limiter.secondsToWait(bucket) === 0;
  if (!isIn) limiter.giveBack(bucket);
  return isIn;
};

describe('a token bucket', () => {
  it('never lets in more than the burst and the rate together, and all of that to who asks steadily', () => {
    const steps = fc.array(
      fc.record({ wait: fc.integer({ min: 0, max: 3_000 }), asks: fc.integer({ min: 0, max: 30 }) }),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 40 }),
        (given, perSecond, burst) => {
          const { at, now } = clock();
          const limiter = new RateLimiter({ perSecond, burst }, now);
          const start = at.ms;
          let letIn = 0;
          for (const { wait, asks } of given) {
            at.ms += wait;
            for (let i = 0; i < asks; i++) if (takes(limiter, 'ada')) letIn++;
            expect(letIn).toBeLessThanOrEqual(burst + (perSecond * (at.ms - start)) / 1000 + 1e-6);
          }
          // Once it has waited as long as it is told to, it is in.
          const bucket = limiter.take('ada');
          const seconds = limiter.secondsToWait(bucket);
          if (seconds === 0) return;
          limiter.giveBack(bucket);
          at.ms += seconds * 1000;
          expect(takes(limiter, 'ada')).toBe(true);
        },
      ),
    );
  });

  it('is of one sender', () => {
    const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, clock().now);
    expect([takes(limiter, 'ada'), takes(limiter, 'ada'), takes(limiter, 'ben')]).toEqual([true, false, true]);
  });

  it('goes into debt for what costs more than is left, which is paid before the next', () => {
    const { at, now } = clock();
    const limiter = new RateLimiter({ perSecond: 10, burst: 10 }, now);
    expect(takes(limiter, 'ada')).toBe(true);
    limiter.charge('ada', 99);
    at.ms += 8_900;
    expect(takes(limiter, 'ada')).toBe(false);
    at.ms += 200;
    expect(takes(limiter, 'ada')).toBe(true);
  });

  it('tells its policy and state, exactly where less than half is left', () => {
    const { at, now } = clock();
    const limiter = new RateLimiter({ perSecond: 2, burst: 4 }, now);
    expect(limiter.policy).toBe('"requests";q=4;w=2');
    expect(limiter.textOf(limiter.take('ada'))).toBe('"requests";r=3;t=1');
    expect(limiter.textOf(limiter.take('ada'))).toBe('"requests";r=2;t=1');
    expect(limiter.textOf(limiter.take('ada'))).toBe('"requests";r=1;t=2');
    limiter.take('ada');
    const refused = limiter.take('ada');
    expect([limiter.textOf(refused), limiter.secondsToWait(refused)]).toEqual(['"requests";r=0;t=3', 1]);
    at.ms += 60_000;
    expect(limiter.textOf(limiter.take('ada'))).toBe('"requests";r=3;t=1');
  });

  it('is kept for so many senders; who is at the limit stays there when others come', () => {
    const { at, now } = clock();
    const limiter = new RateLimiter({ perSecond: 1, burst: 100 }, now, 3);
    limiter.charge('eve', 100);
    for (let i = 0; i < 20; i++) {
      takes(limiter, `sender ${i}`);
      at.ms += 2_000;
    }
    expect([limiter.size, Math.round(limiter.take('eve').tokens)]).toEqual([3, 39]);
    // Where none is full, somebody has to go.
    for (let i = 0; i < 20; i++) limiter.charge(`greedy ${i}`, 100);
    expect(limiter.size).toBe(3);
  });
});

describe('failed sign-ins', () => {
  it('refuse an address after so many, but not the credentials that were good meanwhile, and for a while', () => {
    const { at, now } = clock();
    const failed = new FailedSignIns({ perSecond: 1, burst: 3 }, now);
    expect(failed.areAny).toBe(false);
    failed.failed('10.0.0.1');
    failed.succeeded('Bearer good');
    for (let i = 0; i < 3; i++) failed.failed('10.0.0.1');
    expect(failed.refuses('10.0.0.1', 'Bearer guess')).toBe(true);
    expect(failed.refuses('10.0.0.1', undefined)).toBe(true);
    expect(failed.refuses('10.0.0.1', 'Bearer good')).toBe(false);
    expect(failed.refuses('10.0.0.2', 'Bearer guess')).toBe(false);
    at.ms += 2_000;
    expect(failed.refuses('10.0.0.1', 'Bearer guess')).toBe(false);
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
  ])('count an address of IPv6 by its network: %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

it('what is under way at once is counted by sender', () => {
  const atOnce = new AtOnceOfEach(2);
  expect([atOnce.enter('ada'), atOnce.enter('ada'), atOnce.enter('ada'), atOnce.enter('ben')]).toEqual([
    ...[true, true, false, true],
  ]);
  atOnce.leave('ada');
  expect([atOnce.enter('ada'), atOnce.of('ada'), new AtOnceOfEach(0).enter('ada')]).toEqual([true, 2, true]);
});
