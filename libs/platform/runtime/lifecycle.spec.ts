import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LogFields } from '#platform/observability/log.js';
import { Lifecycle, type LifecycleOptions } from './lifecycle.js';

describe('a lifecycle', () => {
  const codes: number[] = [];
  const told: string[] = [];
  const log = {
    info: (words: string): void => void told.push(words),
    error: (words: string, fields?: LogFields): void =>
      void told.push(fields ? `${words}: ${String(fields.trouble)}` : words),
  };
  const begin = (options: LifecycleOptions = {}): Lifecycle =>
    new Lifecycle('app', { log, exit: (code) => codes.push(code), ...options });
  afterEach(() => {
    codes.length = told.length = 0;
    process.removeAllListeners('SIGTERM');
    process.removeAllListeners('SIGINT');
  });
  const until = async (test: () => boolean): Promise<void> => {
    for (let tries = 0; !test() && tries < 500; tries++) await sleep(10);
  };

  it('stops what was started in reverse order, each once, however often it is told to', async () => {
    const lifecycle = begin();
    const stopped: string[] = [];
    await lifecycle.opened('store', Promise.resolve({ close: async () => stopped.push('store') }));
    lifecycle.onStop('http', () => void stopped.push('http'));
    expect(await Promise.all([lifecycle.stop(), lifecycle.stop()])).toEqual([true, true]);
    expect(stopped).toEqual(['http', 'store']);
  });

  it('stops the others when one cannot be stopped, and says so', async () => {
    const lifecycle = begin();
    let stopped = false;
    lifecycle.onStop('store', () => void (stopped = true));
    lifecycle.onStop('http', () => Promise.reject(new Error('stuck')));
    expect(await lifecycle.stop()).toBe(false);
    expect(stopped).toBe(true);
    expect(told).toEqual(['app: http could not be stopped in order: Error: stuck']);
  });

  it('is not ready from the signal on, goes on for a while, and ends with 0', async () => {
    const lifecycle = begin({ drainMs: 50 });
    let [stopped, drains] = [false, 0];
    lifecycle.onStop('http', () => void (stopped = true));
    lifecycle.onDrain(() => drains++);
    lifecycle.endOnSignals();
    await lifecycle.check();
    process.emit('SIGTERM');
    await expect(lifecycle.check()).rejects.toThrow('is going down');
    expect([stopped, drains]).toEqual([false, 1]);
    process.emit('SIGTERM');
    await until(() => codes.length > 0);
    expect([stopped, codes]).toEqual([true, [0]]);
    expect(process.listenerCount('SIGTERM')).toBe(0);
  });

  it.each([
    ['at Ctrl-C', 'SIGINT' as const, true],
    ['when it takes no requests', 'SIGTERM' as const, false],
  ])('ends at once %s', async (_when, signal, takesRequests) => {
    const lifecycle = begin({ drainMs: 3_600_000 });
    if (takesRequests) lifecycle.onDrain(() => {});
    lifecycle.endOnSignals();
    process.emit(signal);
    await until(() => codes.length > 0);
    expect(codes).toEqual([0]);
  });

  it('ends with 1 when it cannot be stopped in time: a process that hangs must not look healthy', async () => {
    const lifecycle = begin({ deadlineMs: 20 });
    lifecycle.onStop('http', () => new Promise(() => {}));
    lifecycle.endOnSignals();
    process.emit('SIGINT');
    await until(() => codes.length > 0);
    expect(codes).toEqual([1]);
    expect(told).toContain('app: not stopped in order within 20 ms');
  });

  it('that cannot start stops what was started, says why, and ends with 1', async () => {
    const lifecycle = begin();
    let stopped = false;
    lifecycle.onStop('store', () => void (stopped = true));
    await lifecycle.fail(Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' }));
    expect([stopped, codes, told]).toEqual([true, [1], ['app: listen EADDRINUSE']]);
  });
});
