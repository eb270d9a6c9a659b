import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { TestClock } from '#platform/kernel/clock.js';
import { newApiKey } from './api-key.js';
import type { ApiKeyStore, KeysRead, StoredKey } from './api-keys.js';
import { KeyRing } from './key-ring.js';
import { NotSignedIn } from './not-signed-in.js';
import type { Principal } from './principal.js';

/** Keys in memory, which can be away. */
class Store implements ApiKeyStore {
  readonly keys: StoredKey[] = [];
  readonly told: string[] = [];
  away: Error | undefined;
  reads = 0;
  private version = 1;

  make(more: Partial<StoredKey> = {}): string {
    const { id, key, hash } = newApiKey();
    this.keys.push({ id, hash, name: 'shop', roles: ['service'], ...more });
    this.version++;
    return key;
  }

  change(key: string, to: Partial<StoredKey>): void {
    const at = this.keys.findIndex(({ id }) => id === key.slice(4, 16));
    this.keys[at] = { ...this.keys[at]!, ...to };
    this.version++;
  }

  async read(known: string | undefined): Promise<KeysRead> {
    this.reads++;
    if (this.away) throw this.away;
    const version = String(this.version);
    return { version, any: this.keys.length > 0, keys: version === known ? undefined : [...this.keys] };
  }

  async used(ids: readonly string[]): Promise<void> {
    this.told.push(...ids);
  }
}

async function ringOn(store: Store) {
  const clock = new TestClock();
  const time = { ms: 0 };
  const troubles: unknown[] = [];
  const onTrouble = (trouble: unknown): void => void troubles.push(trouble);
  const ring = new KeyRing(store, { clock, elapsed: () => time.ms, graceMs: 30_000, onTrouble });
  await ring.start();
  return { ring, clock, time, troubles };
}

/** Why a key lets nobody in. */
async function refusal(asking: () => Principal | Promise<Principal>): Promise<string> {
  try {
    await asking();
  } catch (error) {
    return error instanceof NotSignedIn ? error.why : (error as { kind: string }).kind;
  }
  return 'let in';
}

describe('the keys that a process knows', () => {
  it('tell at once who is asking, without the database', async () => {
    const store = new Store();
    const key = store.make({ name: 'reports', roles: ['analyst'], personalDataFor: 'billing' });
    const { ring } = await ringOn(store);
    const { reads } = store;
    const found = ring.principalOf(key);
    expect(found).toEqual({
      actor: 'reports',
      roles: new Set(['analyst']),
      personalDataFor: 'billing',
      by: 'api-key',
    });
    expect([ring.principalOf(key) === found, store.reads]).toEqual([true, reads]);
    await ring.close();
  });

  it('take a key that was just made, and read once for all who bring unknown ones', async () => {
    const store = new Store();
    const { ring } = await ringOn(store);
    const key = store.make();
    const { reads } = store;
    const asked = Array.from({ length: 50 }, () => refusal(() => ring.principalOf(newApiKey().key)));
    expect(await ring.principalOf(key)).toMatchObject({ actor: 'shop' });
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['invalid']));
    expect(store.reads).toBe(reads + 1);
    await ring.close();
  });

  it('let nobody in by the id of a key without its secret, and do not tell that there is such a key', async () => {
    const store = new Store();
    const key = store.make();
    const gone = store.make({ revokedAt: new Date('2026-01-01T00:00:00Z') });
    const { ring } = await ringOn(store);
    const without = (of: string): string => `${of.slice(0, -1)}${of.endsWith('0') ? '1' : '0'}`;
    const messages = new Set<string>();
    for (const each of [without(key), without(gone), newApiKey().key, key.slice(0, -1), `${key}0`, 'yad_', 'yad']) {
      expect(await refusal(() => ring.principalOf(each))).toBe('invalid');
      messages.add(
        await Promise.resolve()
          .then(() => ring.principalOf(each))
          .then(String, (error) => error.message),
      );
    }
    expect(messages).toEqual(new Set(['the key is not known']));
    await ring.close();
  });

  it('end a key at its instants, and say why to who has it', async () => {
    const store = new Store();
    const expiring = store.make({ expiresAt: new Date('2026-02-01T00:00:00Z') });
    const rotated = store.make({ revokedAt: new Date('2026-02-01T00:00:00Z') });
    const { ring, clock } = await ringOn(store);
    expect([await refusal(() => ring.principalOf(expiring)), await refusal(() => ring.principalOf(rotated))]).toEqual([
      'let in',
      'let in',
    ]);
    clock.set('2026-02-01T00:00:00Z');
    expect([await refusal(() => ring.principalOf(expiring)), await refusal(() => ring.principalOf(rotated))]).toEqual([
      'expired',
      'revoked',
    ]);
    await ring.close();
  });

  it('hear by themselves of a key that was revoked', async () => {
    const store = new Store();
    const key = store.make();
    const { ring } = await ringOn(store);
    store.change(key, { revokedAt: new Date('2026-01-01T00:00:00Z') });
    for (let waited = 0; (await refusal(() => ring.principalOf(key))) === 'let in'; waited += 50) {
      if (waited > 5_000) throw new Error('the key is still taken');
      await sleep(50);
    }
    expect(await refusal(() => ring.principalOf(key))).toBe('revoked');
    await ring.close();
  }, 10_000);

  it('are gone by for a while when the database is away, and not for ever', async () => {
    const store = new Store();
    const key = store.make();
    const { ring, time, troubles } = await ringOn(store);
    store.away = new Error('away');
    time.ms = 30_000;
    expect(await refusal(() => ring.principalOf(key))).toBe('let in');
    expect(ring.any).toBe(true);
    // It may be a new one: that it is none is told by who can read them.
    expect(await refusal(() => ring.principalOf(newApiKey().key))).toBe('sign-in-unavailable');
    time.ms = 30_001;
    expect(await refusal(() => ring.principalOf(key))).toBe('sign-in-unavailable');
    expect(await refusal(() => ring.principalOf(newApiKey().key))).toBe('sign-in-unavailable');
    expect(() => ring.any).toThrow('cannot be read');
    store.away = undefined;
    for (let waited = 0; (await refusal(() => ring.principalOf(key))) !== 'let in'; waited += 50) {
      if (waited > 5_000) throw new Error('the keys are not read again');
      await sleep(50);
    }
    // Once when it began and once when it was over, however often it was tried.
    expect(troubles).toEqual([expect.objectContaining({ message: 'away' }), undefined]);
    await ring.close();
  }, 10_000);

  it('know whether there was ever one, and tell at the end which were used', async () => {
    const store = new Store();
    const { ring } = await ringOn(store);
    expect(ring.any).toBe(false);
    const [used] = [store.make(), store.make()];
    await ring.principalOf(used!);
    expect([ring.any, store.told]).toEqual([true, []]);
    await ring.close();
    expect(store.told).toEqual([used!.slice(4, 16)]);
  });
});
