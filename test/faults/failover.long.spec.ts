import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId } from '#platform/kernel/ids.js';
import { runJava } from '../support/java.js';
import { describeWithKafka } from '../support/kafka.js';
import { describeWithReplica, ReplicatedPostgres, sql } from '../support/replica.js';
import { yad } from '../end-to-end/processes.js';
import { Fleet } from './fleet.js';

/** What a service would hold of a customer that it registered. */
interface Known {
  readonly id: string;
  readonly position: bigint;
}

describeWithKafka('a failover to a replica that lacks the last commits', (brokers) => {
  describeWithReplica('with a real primary and its streaming replica', () => {
    let postgres: ReplicatedPostgres;
    let fleet: Fleet;
    let topic: string;
    beforeEach(async () => {
      postgres = await ReplicatedPostgres.start();
      topic = `yad.test.${newId()}`;
      fleet = await Fleet.start({
        DATABASE_URL: postgres.url,
        KAFKA_BROKERS: brokers.join(','),
        YAD_TOPIC: topic,
      });
    }, 120_000);
    afterEach(async () => {
      fleet?.retire();
      await fleet?.stop();
      await postgres?.stop();
    }, 60_000);

    const send = async (path: string, body: unknown): Promise<{ status: number; body: any }> => {
      const response = await fetch(`${fleet.url('operations')}/v1${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await response.json() };
    };
    /** Sent again while the database is being replaced. */
    const insist = async (path: string, body: unknown): Promise<{ status: number; body: any }> => {
      for (const end = Date.now() + 60_000; ; await sleep(250)) {
        const answer = await send(path, body);
        if (answer.status !== 503 || Date.now() > end) return answer;
      }
    };
    const register = async (word: string): Promise<Known> => {
      const id = newId();
      const answer = await insist('/contacts', { id, kind: 'person', name: { full: word } });
      if (answer.status !== 201) throw new Error(JSON.stringify(answer));
      return { id, position: BigInt(answer.body.position) };
    };
    const many = async (word: string, count: number): Promise<Known[]> => {
      const all: Known[] = [];
      for (let i = 0; i < count; i++) all.push(await register(`${word} ${i}`));
      return all;
    };
    const ask = async (path: string): Promise<number> =>
      fetch(`${fleet.url('analytics')}/v1${path}`).then(
        ({ status }) => status,
        () => 0,
      );
    const known = (customers: readonly Known[]): Promise<number[]> =>
      Promise.all(customers.map(({ id }) => ask(`/customers/${id}`)));
    const holds = async (position: bigint): Promise<void> => {
      for (const end = Date.now() + 60_000; ; await sleep(200)) {
        if ((await ask(`/customers?limit=1&minPosition=${position}`)) === 200) return;
        if (Date.now() > end) throw new Error(`the read models do not come to ${position}`);
      }
    };
    const published = async (position: bigint): Promise<void> => {
      for (const end = Date.now() + 30_000; ; await sleep(100)) {
        const [state] = await sql(postgres.url, 'select position::text from relay.state');
        if (BigInt(state.position) >= position) return;
        if (Date.now() > end) throw new Error(`${position} is not published`);
      }
    };
    const ready = async (member: 'analytics' | 'relay' | 'operations'): Promise<void> => {
      for (const end = Date.now() + 60_000; ; await sleep(250)) {
        const response = await fetch(`${fleet.url(member)}/health/ready`).catch(() => undefined);
        if (response?.ok) return;
        if (Date.now() > end) throw new Error(`${member} is not ready: ${await response?.text()}`);
      }
    };
    const expectNothingGivenTwice = async (lost: readonly Known[], after: readonly Known[]): Promise<void> => {
      const rows = await sql(postgres.url, 'select position::text from store.events order by position');
      const positions = rows.map((row) => BigInt(row.position));
      for (const { position } of lost) expect(positions).not.toContain(position);
      for (const { position } of after) expect(position).toBeGreaterThan(1_000_000_000n);
      for (const { position } of lost) expect(await ask(`/customers?limit=1&minPosition=${position}`)).toBe(410);
    };
    /** Every partition tells of the fork, before anything that the log has given since. */
    const expectForkTold = async (after: bigint, before: bigint): Promise<void> => {
      const lines = await runJava('Consume', [brokers.join(','), topic]);
      const messages = lines.map((line) => JSON.parse(line) as { partition: number; headers: any; value: string });
      for (let partition = 0; partition < 6; partition++) {
        const here = messages.filter((message) => message.partition === partition);
        const fork = here.findIndex(({ headers }) => headers.ce_type === 'yad.log.forked');
        expect(fork).toBeGreaterThanOrEqual(0);
        const forkedAt = BigInt(JSON.parse(here[fork]!.value).forkedAt);
        expect(forkedAt >= after && forkedAt < before).toBe(true);
        const since = here.map(({ headers }) => headers.ce_yadincarnation);
        expect(since.indexOf('2')).toBe(fork);
      }
    };
    const verify = (): Promise<unknown> => yad(['replay', '--verify'], { DATABASE_URL: postgres.url });

    it('relay: what was published and lost is taken back, and what comes after reaches the read models', async () => {
      const base = await many('base', 24);
      await holds(base.at(-1)!.position);
      await postgres.holdBackReplica();
      const lost = await many('lost', 3);
      await published(lost.at(-1)!.position);
      await postgres.failOver();
      const after = await many('after', 12);
      await holds(after.at(-1)!.position);
      await expectNothingGivenTwice(lost, after);
      expect(await known([...base, ...after])).toEqual([...base, ...after].map(() => 200));
      expect(await known(lost)).toEqual([404, 404, 404]);
      for (const member of ['operations', 'relay', 'analytics'] as const) await ready(member);
      await expectForkTold(base.at(-1)!.position, lost[0]!.position);
      await verify();
    }, 240_000);

    it('phantom: a customer who is in no store but on the topic is in no read model either', async () => {
      const base = await many('base', 12);
      await holds(base.at(-1)!.position);
      await postgres.holdBackReplica();
      fleet.suspend('analytics');
      const lost = await many('lost', 6);
      await published(lost.at(-1)!.position);
      await postgres.failOver();
      fleet.resume('analytics');
      const after = await many('after', 12);
      await holds(after.at(-1)!.position);
      await expectNothingGivenTwice(lost, after);
      expect(await known(lost)).toEqual(lost.map(() => 404));
      expect(await known([...base, ...after])).toEqual([...base, ...after].map(() => 200));
      await ready('analytics');
      await verify();
    }, 240_000);

    it('warm: no decision rests on a state that was lost', async () => {
      const contact = await register('somebody');
      await insist(`/contacts/${contact.id}/block`, { reason: 'fraud' });
      await postgres.holdBackReplica();
      // Lost with the primary; the process that decided it lives on.
      expect((await send(`/contacts/${contact.id}/restore`, {})).status).toBe(200);
      await postgres.failOver();
      const lines = [{ sku: 'A', quantity: '1', unitPrice: '5' }];
      const order = { contact: contact.id, currency: 'GBP', zone: 'Europe/London', lines };
      const answer = await insist('/orders', order);
      expect([answer.status, answer.body.rule]).toEqual([409, 'contact-not-blocked']);
      const [row] = await sql(
        postgres.url,
        `select count(*)::int as orders from store.events where aggregate = 'order'`,
      );
      expect(row.orders).toBe(0);
    }, 180_000);
  });
});
