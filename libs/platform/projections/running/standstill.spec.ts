import { describe, expect, it } from '@jest/globals';
import type { Published } from '#platform/event-bus/event-bus.js';
import { Standstill } from './standstill.js';

describe('read models that stand still', () => {
  const setUp = () => {
    const world = {
      head: 0n,
      checkpoints: new Map<string, Map<number, bigint>>([['orders', new Map([[0, 0n]])]]),
      published: undefined as Published | undefined,
      now: 0,
      away: false,
    };
    const standstill = new Standstill({
      store: { head: async () => ({ position: world.head, recordedAt: null }) },
      progress: {
        standing: async () => {
          if (world.away) throw new Error('the database cannot be reached');
          return { checkpoints: world.checkpoints, published: world.published };
        },
      },
      projections: ['orders'],
      now: () => world.now,
    });
    const told = (): Promise<string> =>
      standstill.check().then(
        () => 'fine',
        (error: Error) => error.message,
      );
    return { world, told };
  };

  it('are told by name when they are behind the log and do not move', async () => {
    const { world, told } = setUp();
    expect(await told()).toBe('fine');
    world.head = 9n;
    world.now = 19_000;
    expect(await told()).toBe('fine');
    world.now = 21_000;
    expect(await told()).toBe('stand still behind the log: orders at 0 for 21 s');
    world.checkpoints.get('orders')!.set(0, 3n);
    expect(await told()).toBe('fine');
    world.now = 60_000;
    expect(await told()).toMatch(/orders at 3 for 39 s/);
  });

  it('are not those that have all there is, however long nothing happens', async () => {
    const { world, told } = setUp();
    world.now = 3_600_000;
    expect(await told()).toBe('fine');
  });

  it('are those behind a relay that does not publish', async () => {
    const { world, told } = setUp();
    world.published = { position: 5n, heads: new Map([[0, 4n]]) };
    world.checkpoints.get('orders')!.set(0, 4n);
    world.head = 5n;
    expect(await told()).toBe('fine');
    world.head = 6n;
    world.now = 30_000;
    expect(await told()).toMatch(/orders at 5/);
  });

  it('are not assumed where nobody can tell: the reason is', async () => {
    const { world, told } = setUp();
    world.away = true;
    expect(await told()).toBe('the database cannot be reached');
  });
});
