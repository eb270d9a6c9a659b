import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addSnapshotCommands } from '#apps/cli/snapshots.command.js';
import { newId } from '#platform/kernel/ids.js';
import { inProcessCli } from '../support/in-process-cli.js';
import { startSystem, type System } from '../support/system.js';

describe('snapshots, from outside', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
    for (let i = 0; i < 20; i++)
      await system.client.post('/v1/contacts', { id: newId(), name: { full: `Person ${i}` } });
  }, 60_000);
  afterAll(() => system.stop());

  const get = (path: string) => system.client.get(path) as Promise<{ status: number; body: any; headers: any }>;
  const make = (body: object, wait = 20) =>
    system.client.post('/v1/snapshots', body, { prefer: `wait=${wait}` }) as Promise<{
      status: number;
      body: any;
      headers: any;
    }>;

  const yad = (...args: string[]) => inProcessCli(addSnapshotCommands, system.databaseUrl, ['snapshots', ...args]);

  it('are made of all read models, found again, listed a page at a time, and dropped', async () => {
    const { status, body, headers } = await make({ name: 'first', asOf: '10' });
    expect([status, headers.location]).toEqual([201, `/v1/snapshots/${body.id}`]);
    expect(body).toMatchObject({ names: ['first'], status: 'ready', through: '10', progress: 1, reason: null });
    expect(body.projections.length).toBeGreaterThan(5);
    const again = await make({ asOf: '10', projections: ['profile'] });
    expect([again.status, again.body.id]).toEqual([201, body.id]);
    const now = await make({ keepUntil: '2999-01-01T00:00:00Z' });
    expect(now.body).toMatchObject({ through: '20', keptUntil: '2999-01-01T00:00:00.000Z' });
    const page = await get('/v1/snapshots?limit=1');
    expect(page.body.data.map(({ id }: any) => id)).toEqual([now.body.id]);
    const rest = await get(`/v1/snapshots?limit=1&cursor=${page.body.next}`);
    expect(rest.body).toMatchObject({ data: [{ id: body.id }] });
    expect(rest.body.next).toBeUndefined();
    const dropped = await system.client.delete(`/v1/snapshots/${now.body.id}`);
    expect(dropped).toMatchObject({ status: 200, body: { status: 'dropping' } });
    for (let i = 0; i < 100 && (await get(`/v1/snapshots/${now.body.id}`)).status !== 404; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await get(`/v1/snapshots/${now.body.id}`)).status).toBe(404);
    expect(system.troubles).toEqual([]);
  }, 60_000);

  it('answer at once where nobody waits, with where to look', async () => {
    const { status, body, headers } = await make({ asOf: '5' }, 0);
    expect([status, headers['retry-after'], headers.location]).toEqual([202, '1', `/v1/snapshots/${body.id}`]);
    for (let i = 0; i < 200; i++) {
      const { body: shown } = await get(headers.location);
      if (shown.status === 'ready') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('it was not made');
  }, 60_000);

  it.each([
    [{ asOf: '99' }, '/asOf', 'is ahead of the log'],
    [{ asOf: '2999-01-01T00:00:00Z' }, '/asOf', 'is ahead of the clock'],
    [{ asOf: 'yesterday' }, '/asOf', 'is not the name of a snapshot'],
    [{ name: '2026' }, '/name', 'is not a name'],
    [{ projections: ['palette'] }, '/projections', "there is no projection 'palette'"],
    [{ keep: true }, '', 'keep'],
  ])('refuse %j by its name', async (body, pointer, message) => {
    const refused = await make(body);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body.errors)).toContain(message);
    if (pointer) expect(refused.body.errors[0]).toMatchObject({ in: 'body', pointer });
  });

  it('refuse a name that stands for another point, and addresses of none', async () => {
    const refused = await make({ name: 'first', asOf: '7' });
    expect([refused.status, refused.body.type]).toEqual([409, 'urn:yad:problem:snapshot-name-taken']);
    expect((await get('/v1/snapshots/seven')).status).toBe(400);
    expect((await get(`/v1/snapshots/${newId()}`)).status).toBe(404);
    expect((await system.client.delete(`/v1/snapshots/${newId()}`)).status).toBe(404);
    expect((await get('/v1/snapshots?limit=0')).status).toBe(400);
    expect((await get('/v1/snapshots?cursor=x')).status).toBe(400);
  });

  it('are made, shown and dropped from the command line', async () => {
    const kept = ['--as-of', '12', '--name', 'by-hand', '--keep-until', '90d'];
    const made = await yad('make', 'profile', 'orders', ...kept);
    expect(made).toMatchObject({ code: 0 });
    expect(made.output).toMatch(/ready\n {2}named {6}by-hand\n {2}through {4}12, where now is /);
    const listed = await yad('list');
    expect(listed.output).toMatch(/ready\tthrough 12\t[\d.]+ MB\tread \S+\tby-hand/);
    expect((await yad('show', 'by-hand')).output).toContain('kept until');
    const taken = await yad('make', '--as-of', '11', '--name', 'by-hand');
    expect([taken.code, taken.output]).toEqual([1, expect.stringContaining("'by-hand' is the snapshot")]);
    expect(await yad('make', '--as-of', 'never')).toEqual({
      code: 1,
      output: 'yad: --as-of: is not the name of a snapshot that is kept',
    });
    expect((await yad('drop', 'by-hand')).output).toMatch(/ is dropped$/);
    expect(await yad('show', 'by-hand')).toEqual({
      code: 1,
      output: "yad: there is no snapshot 'by-hand', neither by id nor by name",
    });
  }, 60_000);
});
