import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AccessLog, AccessNotLogged, type AccessEntries, type AccessEntry } from './access-log.js';

/** Keeps entries as long as it is told to, and holds writes back until it is let go. */
class Entries implements AccessEntries {
  readonly writes: AccessEntry[][] = [];
  fails = false;
  private holding: (() => void)[] | undefined;

  hold(): void {
    this.holding = [];
  }
  letGo(): void {
    for (const go of this.holding ?? []) go();
    this.holding = undefined;
  }
  async add(entries: readonly AccessEntry[]): Promise<void> {
    if (this.holding) await new Promise<void>((go) => this.holding!.push(go));
    if (this.fails) throw new Error('no database');
    this.writes.push([...entries]);
  }
  page = async () => [];
  close = async () => {};
}

const seen = (operation: string): AccessEntry => ({ outcome: 'seen', actor: 'ada', operation, count: 1 });
const denied = (operation: string, actor = 'eve'): AccessEntry => ({
  outcome: 'forbidden',
  actor,
  operation,
  count: 1,
});

describe('the access log', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('has stored what is seen before anybody sees it, those that come during a write together in the next', async () => {
    const entries = new Entries();
    const log = new AccessLog(entries);
    entries.hold();
    const shown: string[] = [];
    const all = ['a', 'b', 'c'].map((name) => log.seen(seen(name)).then(() => shown.push(name)));
    await jest.advanceTimersByTimeAsync(10_000);
    expect(shown).toEqual([]);
    entries.letGo();
    await Promise.all(all);
    expect(entries.writes.map((write) => write.map(({ operation }) => operation))).toEqual([['a'], ['b', 'c']]);
  });

  it('refuses what it cannot store, and goes on when it can again', async () => {
    const entries = new Entries();
    const errors: unknown[] = [];
    const log = new AccessLog(entries, { onError: (error) => errors.push(error) });
    entries.fails = true;
    await expect(log.seen(seen('a'))).rejects.toThrow(AccessNotLogged);
    expect(errors).toHaveLength(1);
    entries.fails = false;
    await log.seen(seen('b'));
    expect(entries.writes.flat().map(({ operation }) => operation)).toEqual(['b']);
  });

  it('refuses when too many wait', async () => {
    const entries = new Entries();
    const log = new AccessLog(entries, { waiting: 2 });
    entries.hold();
    const first = [log.seen(seen('under way')), log.seen(seen('a')), log.seen(seen('b'))];
    await expect(log.seen(seen('c'))).rejects.toThrow(AccessNotLogged);
    entries.letGo();
    await Promise.all(first);
  });

  it('counts denials that are alike, and keeps them while they cannot be written', async () => {
    const entries = new Entries();
    const log = new AccessLog(entries);
    entries.fails = true;
    for (let i = 0; i < 5; i++) log.denied(denied('a'));
    log.denied(denied('a', 'mallory'));
    await jest.advanceTimersByTimeAsync(1_000);
    log.denied(denied('a'));
    entries.fails = false;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(entries.writes).toEqual([
      [
        { outcome: 'forbidden', actor: 'eve', operation: 'a', count: 6 },
        { outcome: 'forbidden', actor: 'mallory', operation: 'a', count: 1 },
      ],
    ]);
  });

  it('says how many denials were too many to keep', async () => {
    const entries = new Entries();
    const log = new AccessLog(entries, { denials: 2 });
    for (const name of ['a', 'b', 'c', 'd', 'a']) log.denied(denied(name));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(entries.writes[0]!.map(({ outcome, operation, count }) => [outcome, operation, count])).toEqual([
      ['forbidden', 'a', 2],
      ['forbidden', 'b', 1],
      ['not-noted', 'denials', 2],
    ]);
  });

  it('writes what it still has when it closes', async () => {
    const entries = new Entries();
    const log = new AccessLog(entries);
    log.denied(denied('a'));
    await log.close();
    expect(entries.writes.flat()).toHaveLength(1);
  });

  it('writes all denials when it closes, also where they are more than go into one write', async () => {
    const entries = new Entries();
    const log = new AccessLog(entries, { denials: 900 });
    for (let i = 0; i < 1_000; i++) log.denied(denied(`operation ${i}`));
    await log.close();
    const written = entries.writes.flat();
    expect(written.filter(({ outcome }) => outcome === 'forbidden')).toHaveLength(900);
    expect(written.filter(({ outcome }) => outcome === 'not-noted')).toMatchObject([{ count: 100 }]);
  });

  it('closes also where nothing can be written', async () => {
    const entries = new Entries();
    const errors: unknown[] = [];
    const log = new AccessLog(entries, { onError: (error) => errors.push(error) });
    entries.fails = true;
    log.denied(denied('a'));
    await log.close();
    expect(errors).toHaveLength(1);
  });
});
