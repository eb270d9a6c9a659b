import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { Program } from '../end-to-end/processes.js';
import { freePort } from '../support/free-port.js';
import { createTestDatabase } from '../support/postgres.js';
import { Proxy } from '../support/proxy.js';
import { App, until } from './app.js';

/** Of each of two apps: twenty processes are told to end. */
const TIMES = 10;
const LONGEST_MS = 1_200_000;

let database: Awaited<ReturnType<typeof createTestDatabase>>;
const ends: (() => Promise<unknown> | void)[] = [];
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  await database.drop();
});

/** One of two processes of an app behind a balancer, at one address over all its restarts. */
class Member {
  app: App | undefined;
  isReady = false;
  readonly agent = new Agent({ keepAlive: true, maxSockets: 16 });

  constructor(
    private readonly name: 'operations' | 'analytics',
    readonly port: number,
  ) {}

  /** As anybody starts it: what a spec sets otherwise is left as it is. */
  async start(): Promise<void> {
    this.app = await App.start(this.name, database.url, { PORT: String(this.port), DRAIN_MS: '' });
  }

  /** The process that is there now has said that it goes down. */
  get isGoingDown(): boolean {
    return this.app?.program.output.includes('going down') === true;
  }

  /** As a balancer does: who says no, or is not there, is out; who takes long to say anything stays where it was. */
  async look(): Promise<void> {
    const url = `http://127.0.0.1:${this.port}/health/ready`;
    const asking = fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
    this.isReady = await asking.then(
      ({ status }) => status === 200,
      (error: Error) => error.name === 'TimeoutError' && this.isReady,
    );
  }
}

/** Two processes, readiness asked as balancers do, and clients that keep their connections and try nothing twice. */
class Service {
  readonly failed: string[] = [];
  answered = 0;
  /** How often a client found none to send to, and waited: where the machine is overloaded, readiness may say no. */
  waited = 0;
  /** Answers of processes that were going down, and those of them that said that the connection ends. */
  late = 0;
  told = 0;
  private going = true;

  constructor(
    readonly members: readonly Member[],
    private readonly ask: () => { method: string; path: string; body?: unknown },
  ) {
    const look = setInterval(() => void Promise.all(members.map((member) => member.look())), 250);
    ends.push(() => {
      this.going = false;
      clearInterval(look);
      for (const { agent } of members) agent.destroy();
    });
  }

  /** @param pauseMs at most, between two requests of a client */
  load(clients: number, pauseMs: number): void {
    for (let i = 0; i < clients; i++) void this.client(pauseMs);
  }

  private async client(pauseMs: number): Promise<void> {
    for (let turn = 0; this.going; turn++) {
      await sleep(Math.random() * pauseMs);
      const ready = this.members.filter(({ isReady }) => isReady);
      const member = ready[turn % ready.length];
      if (!member) {
        this.waited++;
        await sleep(500);
        continue;
      }
      const { app, isGoingDown } = member;
      const { method, path, body } = this.ask();
      await this.send(member, method, path, body).then(
        ({ status, connection }) => {
          this.answered++;
          if (status >= 400) this.failed.push(`${status} of ${method} ${path}`);
          // Asked when the process knew of its end for sure.
          if (!isGoingDown || member.app !== app) return;
          this.late++;
          if (connection === 'close') this.told++;
        },
        (error: NodeJS.ErrnoException) =>
          this.going && this.failed.push(`${error.code} ${error.message}: ${method} ${path}`),
      );
    }
  }

  private send(
    { port, agent }: Member,
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ status: number; connection: string | undefined }> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': text.length };
    return new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
        response
          .on('error', reject)
          .resume()
          .on('end', () => resolve({ status: response.statusCode!, connection: response.headers.connection }));
      })
        .on('error', reject)
        .end(text);
    });
  }
}

async function service(name: 'operations' | 'analytics', ask: ConstructorParameters<typeof Service>[1]) {
  const members = [new Member(name, await freePort()), new Member(name, await freePort())];
  await Promise.all(members.map((member) => member.start()));
  ends.push(() => Promise.all(members.map(({ app }) => app?.stop())));
  const made = new Service(members, ask);
  await until('both ready', 30_000, async () => members.every(({ isReady }) => isReady));
  return made;
}

describe('a process that is told to end under load', () => {
  it(
    `fails no request, ${2 * TIMES} times over, as it is started without any setting`,
    async () => {
      const operations = await service('operations', () => ({
        method: 'POST',
        path: '/v1/contacts',
        body: { id: newId(), kind: 'person', name: { full: 'Ada' } },
      }));
      const analytics = await service('analytics', () => ({ method: 'GET', path: '/v1/customers?limit=5' }));
      const services = [operations, analytics];
      for (const each of services) {
        each.load(4, 50);
        // Their connections are idle for longer than some, and shorter than the server keeps them.
        each.load(6, 2_000);
      }
      const took: number[] = [];
      const again = async ({ members }: Service, time: number): Promise<void> => {
        const member = members[time % members.length]!;
        const began = performance.now();
        const ended = await member.app!.program.stop();
        took.push(performance.now() - began);
        expect([ended.code, ended.output]).toEqual([0, expect.stringContaining('going down after 5000 ms')]);
        await member.start();
        await until('ready again', 60_000, async () => member.isReady);
      };
      for (let time = 0; time < TIMES; time++) await Promise.all(services.map((each) => again(each, time)));
      const failed = services.flatMap((each) => each.failed);
      const sum = (of: 'answered' | 'late' | 'told' | 'waited'): number => operations[of] + analytics[of];
      console.log(
        `${took.length} processes ended in ${Math.round(Math.min(...took))} to ${Math.round(Math.max(...took))} ms under load: ` +
          `${sum('answered')} requests answered, ${sum('late')} of them by one that was going down, ${failed.length} failed; ` +
          `${sum('waited')} times none was ready`,
      );
      expect(failed).toEqual([]);
      expect([sum('late') > 0, sum('told')]).toEqual([true, sum('late')]);
      expect(sum('answered')).toBeGreaterThan(1_000);
      expect(Math.max(...took)).toBeLessThan(25_000);
    },
    LONGEST_MS,
  );
});

/** Sends bytes now and then. Resolves to after how many milliseconds the server ended the connection, and what it said. */
function keeps(port: number, first: string, again = ''): Promise<{ ms: number; text: string }> {
  const began = performance.now();
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (data) => (text += data.toString())).on('error', () => {});
    const trickle = setInterval(() => again !== '' && socket.write(again), 500);
    socket.on('close', () => {
      clearInterval(trickle);
      resolve({ ms: performance.now() - began, text });
    });
    socket.write(first);
  });
}

describe('a client that keeps a connection by what it sends', () => {
  it('is cut off within 15 s, by an app and by the health of a relay', async () => {
    const operations = await App.start('operations', database.url);
    ends.push(() => operations.stop());
    const port = await freePort();
    const relay = new Program('relay/main.js', {
      env: { DATABASE_URL: database.url, KAFKA_BROKERS: '127.0.0.1:1', PORT: String(port) },
    });
    ends.push(() => relay.stop());
    await relay.said(/relay: store ->/);
    const post =
      'POST /v1/contacts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n';
    const asked: [string, number, string, string][] = [];
    for (const [name, at] of [
      ['operations', Number(new URL(operations.url).port)],
      ['relay', port],
    ] as const) {
      asked.push(
        [`${name}: nothing`, at, '', ''],
        [`${name}: half a head`, at, 'GET /health/live HTTP/1.1\r\nHost: local', ''],
        [`${name}: a head, byte by byte`, at, 'GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ', 'x'],
        [`${name}: half a body`, at, `${post}{"id`, ''],
        [`${name}: a body, byte by byte`, at, `${post}{"id"`, ' '],
      );
    }
    const kept = await Promise.all(asked.map(async ([what, ...sent]) => ({ what, ...(await keeps(...sent)) })));
    console.log(kept.map(({ what, ms, text }) => `${what}: ${Math.round(ms)} ms, ${text.slice(9, 12)}`).join('\n'));
    for (const { what, ms } of kept) expect([what, ms < 16_500]).toEqual([what, true]);
    // The relay's health reads no body: it has answered, and closes.
    for (const { what, text } of kept.filter((each) => each.what.startsWith('operations'))) {
      expect([what, text]).toEqual([what, expect.stringMatching(/^HTTP\/1\.1 408 [^]*urn:yad:problem:too-slow/)]);
    }
  });
});

describe('an app whose database is not there yet', () => {
  it('waits for it, and serves when it has come', async () => {
    const port = await freePort();
    const url = new URL(database.url);
    url.host = `127.0.0.1:${port}`;
    const program = new Program('analytics/main.js', { env: { PORT: '0', DATABASE_URL: url.href } });
    ends.push(() => program.stop());
    await program.said(/waiting for the database of the log .*ECONNREFUSED/);
    const { proxy } = await Proxy.before(database.url);
    const late = createServer((client) => {
      client.on('error', () => {});
      client.pipe(connect(proxy.port, '127.0.0.1').on('error', () => client.destroy())).pipe(client);
    });
    await new Promise<void>((resolve) => late.listen(port, '127.0.0.1', resolve));
    ends.unshift(() => {
      late.close();
      return proxy.close();
    });
    const [, address] = await program.said(/(http:\/\/localhost:\d+)/);
    await until('ready', 20_000, async () => (await fetch(`${address}/health/ready`)).status === 200);
  });

  it('ends with 1 after half a minute, and says what it missed', async () => {
    const port = await freePort();
    const programs = ['operations', 'analytics', 'audit', 'standalone', 'relay'].map((name) => {
      const env = {
        PORT: '0',
        DATABASE_URL: `postgres://ada:secret@127.0.0.1:${port}/crm`,
        KAFKA_BROKERS: '127.0.0.1:1',
      };
      return new Program(`${name}/main.js`, { env });
    });
    const began = performance.now();
    for (const { code, output } of await Promise.all(programs.map(({ ended }) => ended))) {
      expect([code, output]).toEqual([
        1,
        expect.stringMatching(
          new RegExp(
            `the database of the log \\(STORE_URL or DATABASE_URL\\) at 127\\.0\\.0\\.1:${port}/crm could not be reached within 30000 ms`,
          ),
        ),
      ]);
      expect(output).not.toContain('secret');
    }
    expect(performance.now() - began).toBeGreaterThan(28_000);
  });
});

describe('liveness', () => {
  it('does not depend on the database', async () => {
    const { proxy, url } = await Proxy.before(database.url);
    ends.push(() => proxy.close());
    const standalone = await App.start('standalone', url);
    ends.push(() => standalone.stop());
    await standalone.becomesReady(20_000);
    const again = setInterval(() => proxy.cut(), 20);
    ends.push(() => clearInterval(again));
    await until('not ready', 10_000, () => standalone.notReady());
    const began = performance.now();
    expect((await standalone.get('/health/live', 1_000)).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
