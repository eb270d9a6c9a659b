import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { createTestDatabase } from '#test/support/postgres.js';
import { Proxy } from '#test/support/proxy.js';
import { awaitDatabases, DatabaseMissing } from './await-databases.js';

describe('databases at the start of an app', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => (database = await createTestDatabase()));
  afterAll(() => database.drop());

  const told: string[] = [];
  const log = { warn: (...words: unknown[]): void => void told.push(words.join(' ')) };
  const missed = (waiting: Promise<void>): Promise<Error> =>
    waiting.then(
      () => expect('it').toBe('refused'),
      (e) => e,
    );
  const all = (url: string) => ({ store: url, readModels: url, keys: url });
  /** An address at which nobody listens. */
  const nowhere = async (): Promise<string> => {
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return `postgres://ada:secret@127.0.0.1:${port}/crm`;
  };

  it('are there, each asked once', async () => {
    await awaitDatabases(all(database.url), ['store', 'keys', 'readModels'], { log });
    expect(told).toEqual([]);
  });

  it('that cannot be reached are named by what they are for and where, without a password', async () => {
    const error = await missed(
      awaitDatabases({ ...all(database.url), readModels: await nowhere() }, ['store', 'readModels'], {
        log,
        patienceMs: 0,
      }),
    );
    expect(error).toBeInstanceOf(DatabaseMissing);
    expect(error.message).toMatch(
      /^the database of the read models \(READ_MODELS_URL or DATABASE_URL\) at 127\.0\.0\.1:\d+\/crm could not be reached within 0 ms: .*ECONNREFUSED/,
    );
    expect(error.message).not.toContain('secret');
  });

  it('that are there and cannot be used are told at once: another try does not mend it', async () => {
    const url = new URL(database.url);
    url.pathname = `/none_${newId().replaceAll('-', '')}`;
    const error = await missed(awaitDatabases(all(url.href), ['keys'], { log, patienceMs: 3_600_000 }));
    expect(error.message).toMatch(/^the database of the keys .* cannot be used: database "none_\w+" does not exist$/);
  });

  it('that come later are waited for', async () => {
    const { proxy, url } = await Proxy.before(database.url);
    let come = 0;
    const starting = createServer((client) => {
      if (come++ === 0) return client.destroy();
      return client.pipe(connect(proxy.port, '127.0.0.1')).pipe(client);
    });
    await new Promise<void>((resolve) => starting.listen(0, '127.0.0.1', resolve));
    const early = new URL(url);
    early.port = String((starting.address() as AddressInfo).port);
    try {
      await awaitDatabases(all(early.href), ['store'], { log });
      expect(told).toEqual([expect.stringMatching(/^waiting for the database of the log /)]);
      expect(come).toBe(2);
    } finally {
      starting.close();
      await proxy.close();
    }
  });
});
