import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { newId } from '#platform/kernel/ids.js';
import { usualTopic } from '#platform/event-bus/event-bus.js';
import { openProjectionAdmin } from '#platform/projections/prepare.js';
import { codecOf } from '#platform/runtime/codec.js';
import { startSystem, type System } from '#platform/runtime/composition.js';
import { Lifecycle } from '#platform/runtime/lifecycle.js';
import { clientAt, type Client } from '../support/system.js';
import { KurrentDbDouble } from '../support/kurrentdb/kurrentdb-double.js';
import { migratedDatabase } from '../support/migrated.js';
import { Program } from './processes.js';

describe('all of Yad on a log of KurrentDB', () => {
  const lifecycle = new Lifecycle('test');
  const troubles: unknown[] = [];
  let double: KurrentDbDouble;
  let system: System;
  let client: Client;
  let databaseUrl: string;
  beforeAll(async () => {
    double = await KurrentDbDouble.start();
    const database = await migratedDatabase(definitions.projections);
    databaseUrl = database.appUrl;
    lifecycle.onStop('database', () => database.drop());
    lifecycle.onStop('double', () => double.stop());
    system = await startSystem(
      definitions,
      {
        databases: { store: databaseUrl, readModels: databaseUrl, keys: databaseUrl, eventStore: double.url() },
        parts: ['commands', 'read-models', 'audit', 'policies'],
        onError: (error) => troubles.push(error),
      },
      lifecycle,
    );
    await system.app.listen(0, '127.0.0.1');
    client = await clientAt((await system.app.getUrl()).replace('[::1]', '127.0.0.1'));
  });
  afterAll(async () => {
    expect(await lifecycle.stop()).toBe(true);
  });

  it('stores what is sent, answers a repeat with what was stored, and shows it', async () => {
    const id = newId();
    const contact = { id, kind: 'person', name: { full: 'Ada Lovelace' } };
    const send = () => client.post('/v1/contacts', contact, { 'idempotency-key': `k-${id}` });
    const first = await send();
    expect([first.status, first.body]).toEqual([201, expect.objectContaining({ id, repeated: false })]);
    expect((await send()).body).toEqual({ ...first.body, repeated: true });
    const shown = await client.get(`/v1/contacts/${id}`);
    expect([shown.status, shown.body.data]).toEqual([200, expect.objectContaining({ name: { full: 'Ada Lovelace' } })]);
    expect(troubles).toEqual([]);
  });

  it('verifies and rebuilds its read models', async () => {
    for (let i = 0; i < 40; i++) {
      const { status } = await client.post('/v1/contacts', { kind: 'person', name: { full: `Number ${i}` } });
      expect(status).toBe(201);
    }
    const { store } = system;
    const { admin, close } = await openProjectionAdmin({
      store,
      codec: codecOf(definitions.events),
      projections: definitions.projections,
      databaseUrl,
      partitions: usualTopic.partitions,
    });
    try {
      const { position: head } = await store.head();
      const { projections, log } = await admin.verifyAll([], {});
      expect(projections.filter(({ comparison }) => !comparison?.equal)).toEqual([]);
      expect(log).toMatchObject({ head, holesInAll: 0, streamsInAll: 0 });
      expect(log.events).toBeGreaterThan(40);
    } finally {
      await close();
    }
  });

  it('is worked on by the command line', async () => {
    const env = { DATABASE_URL: databaseUrl, EVENT_STORE: double.url() };
    const { position: head } = await system.store.head();
    for (const args of [
      ['index', 'rebuild'],
      ['index', 'show'],
      ['replay', '--verify'],
      ['policies', 'list'],
    ]) {
      const { code, output } = await new Program('cli/main.js', { args, env }).ended;
      expect([args, code, output]).toEqual([args, 0, expect.any(String)]);
      if (args[0] === 'index') expect(output).toContain(`the index goes through ${head}`);
      if (args[0] === 'replay') expect(output).toContain('nothing is missing');
    }
    const { code, output } = await new Program('cli/main.js', { args: ['log', 'show'], env }).ended;
    expect([code, output]).toEqual([1, expect.stringContaining('lies on KurrentDB')]);
  }, 90_000);
});
