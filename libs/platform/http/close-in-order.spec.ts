import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { closeInOrder } from './close-in-order.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';

it('an end in order answers what is under way and does not wait for clients that keep their connection', async () => {
  let answer!: () => void;
  const asked = new Promise<void>((begun) => {
    answer = begun;
  });
  let release!: () => void;
  const gate = new Promise<void>((open) => (release = open));
  const { app } = await startParcels({
    readiness: {
      slow: () => {
        answer();
        return gate;
      },
    },
  });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const agent = new Agent({ keepAlive: true });
  const answered = new Promise<number>((done, fail) => {
    request({ port, host: '127.0.0.1', path: '/health/ready', agent }, (response) => {
      response.resume().on('end', () => done(response.statusCode!));
    })
      .on('error', fail)
      .end();
  });
  await asked;
  const began = Date.now();
  const closed = closeInOrder(app);
  await sleep(200);
  release();
  expect(await answered).toBe(200);
  await closed;
  expect(Date.now() - began).toBeLessThan(5_000);
  agent.destroy();
});
