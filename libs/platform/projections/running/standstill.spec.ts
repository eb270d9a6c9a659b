import { describe, expect, it } from '@jest/globals';
import type { Published } from '#platform/event-bus/event-bus.js';
import { Standstill } from './standstill.js';

describe('read models that stand still', () => {
  const setUp = () => {
    const model = {
      head: 0n,
      checkpoints: new Map<string, Map<number, bigint>>([['orders', new Map([[0, 0n]])]]),
      published: undefined as Published | undefined,
      now: 0,
      away: false,
    };
    const standstill = new Standstill({
      store: { head: async () => ({ position: model.head, recordedAt: null }) },
      progress: {
        projectionStatus: async () => {
          if (model.away) throw new Error('the database cannot be reached');
          return { checkpoints: model.checkpoints, published: model.published };
        },
      },
      projections: ['orders'],
      now: () => model.now,
    });
    const told = (): Promise<string> =>
      standstill.check().then(
        () => 'fine',
        (error: Error) => error.message,
      );
    return { model, told };
  };

  it('are told by name when they are behind the log and do not move', async () => {
    const { model, told } = setUp();
    expect(await told()).toBe('fine');
    model.head = 9n;
    model.now = 19_000;
    expect(await told()).toBe('fine');
    model.now = 21_000;
    expect(await told()).toBe('stand still behind the log: orders at 0 for 21 s');
    model.checkpoints.get('orders')!.set(0, 3n);
    expect(await told()).toBe('fine');
    model.now = 60_000;
    expect(await told()).toMatch(/orders at 3 for 39 s/);
  });

  it('are not those that have all there is, however long nothing happens', async () => {
    const { model, told } = setUp();
    model.now = 3_600_000;
    expect(await told()).toBe('fine');
  });

  it('are those behind a relay that does not publish', async () => {
    const { model, told } = setUp();
    model.published = { position: 5n, heads: new Map([[0, 4n]]) };
    model.checkpoints.get('orders')!.set(0, 4n);
    model.head = 5n;
    expect(await told()).toBe('fine');
    model.head = 6n;
    model.now = 30_000;
    expect(await told()).toMatch(/orders at 5/);
  });

  it('are not assumed where nobody can tell: the reason is', async () => {
    const { model, told } = setUp();
    model.away = true;
    expect(await told()).toBe('the database cannot be reached');
  });
});
