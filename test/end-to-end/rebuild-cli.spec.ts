import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { addDeadLetterCommands } from '#apps/cli/dead-letters.command.js';
import { addReadModelCommands } from '#apps/cli/read-models.command.js';
import { newId } from '#platform/kernel/ids.js';
import { inProcessCli } from '../support/in-process-cli.js';
import { startSystem, type System } from '../support/system.js';
import { Program } from './processes.js';

describe("the command line's read models", () => {
  let system: System;
  let database: pg.Client;
  let url: string;
  const ids: string[] = [];

  beforeAll(async () => {
    system = await startSystem();
    url = system.databaseUrl;
    database = new pg.Client({ connectionString: url });
    await database.connect();
    for (let i = 0; i < 20; i++) {
      const id = newId();
      ids.push(id);
      await system.client.post('/v1/contacts', { id, name: { full: `Person ${i}` } });
    }
    await system.client.get(`/v1/customers?minPosition=${await system.head()}`);
  }, 60_000);
  afterAll(async () => {
    await database.end();
    await system.stop();
  });

  /** A command in this process; what its own process does is shown further down. */
  const yad = (...args: string[]) =>
    inProcessCli(
      (program) => {
        addReadModelCommands(program);
        addDeadLetterCommands(program);
      },
      url,
      args,
    );

  it('verifies: 0 where all is as it should be', async () => {
    const { code, output } = await yad('replay', '--verify');
    expect(output).toContain('profile: equal');
    expect(output).toContain('the log: 20 events up to 20, nothing is missing');
    expect(output).toContain('20 of 20 events');
    expect(code).toBe(0);
  });

  it('does not swap in what differs, and says how to; with a reason it does, and lists it', async () => {
    const { rows } = await database.query<{ schema: string }>(
      `select schema from projections.builds where projection = 'profile' and status = 'live'`,
    );
    await database.query(`update ${rows[0]!.schema}.customers set name = 'Somebody Else' where subject = $1`, [ids[3]]);
    const verified = await yad('replay', '--verify', 'profile');
    expect(verified.output).toContain('profile: DIFFERENT');
    expect(verified.code).toBe(3);

    const left = await yad('rebuild', 'profile');
    expect(left.output).toContain('DIFFERENT from the live one, left aside');
    expect(left.output).toContain('--accept-differences --reason');
    expect(left.code).toBe(3);

    for (const wrong of [
      ['--accept-differences'],
      ['--accept-differences', '--reason', ' - '],
      ['--reason', 'words without the wish'],
      ['--wait', 'soon'],
    ]) {
      const refused = await yad('rebuild', 'profile', ...wrong);
      expect({ wrong, code: refused.code }).toEqual({ wrong, code: 1 });
      expect(refused.output).toMatch(/^yad: --(accept-differences|reason|wait)/);
    }
    expect((await yad('swaps')).output).not.toContain('accepted');

    const accepted = await yad('rebuild', 'profile', '--accept-differences', '--reason', 'a hand slipped');
    expect(accepted.output).toContain('DIFFERENT from the live one, swapped in');
    expect(accepted.code).toBe(0);
    const { output } = await yad('swaps', 'profile');
    expect(output).toMatch(/profile\tgeneration 1 \(version \d+\) -> \d+ \(version \d+\)\taccepted\t\S+@\S+ as \S+/);
    expect(output).toContain('reason: a hand slipped');
    expect(output).toMatch(new RegExp(`customers \\(${ids[3]}\\) changed: name`));
    expect(output).not.toContain('Somebody Else');
    expect((await yad('replay', '--verify', 'profile')).code).toBe(0);
  }, 60_000);

  it('names what the log itself lacks, and ends with 3', async () => {
    await system.client.post(`/v1/contacts/${ids[0]}/tags`, { tags: ['vip'] });
    await system.client.post(`/v1/contacts/${ids[0]}/tags`, { tags: ['local'] });
    await system.client.get(`/v1/customers?minPosition=${await system.head()}`);
    await database.query(`set session_replication_role = replica; delete from store.events where position = 21;
      set session_replication_role = origin`);
    const { code, output } = await yad('replay', '--verify', 'profile');
    expect(output).toContain('the log: 21 events up to 22, NOT WHOLE');
    expect(output).toContain('position 21 is missing');
    expect(output).toMatch(new RegExp(`${ids[0]}: revision 1 is missing before 2, at position 22`));
    expect(code).toBe(3);
  });

  it('says in words what it cannot do, and ends with 1', async () => {
    for (const [args, said] of [
      [['rebuild', 'nothing'], "there is no projection 'nothing'; there are profile"],
      [['replay'], 'say --verify, or --position'],
      [['replay', '--verify', '--position', '3'], 'not both'],
      [['replay', '--position', 'x', 'profile'], "--position: 'x' is not a position"],
      [['replay', '--position', '3'], 'name one projection'],
      [['replay', '--position', '9999', 'profile'], 'the log ends at 22'],
      [['replay', '--position', '3', '--into', 'public', 'profile'], 'there is a schema public already'],
      [['drop', 'profile', 'x'], "generation: 'x' is not a whole number"],
      [['drop', 'profile', '99'], 'profile has no generation 99'],
      [['swap-back', 'rfm'], "there is no projection 'rfm'"],
      [['dead-letters', 'list', '--limit', '0'], "--limit: '0' is not a whole number"],
      [['dead-letters', 'retry', 'profile', ids[1]!], `nothing of ${ids[1]} is parked`],
      [['dead-letters', 'list', '--after', 'x'], "--after: 'x' is not of the form"],
    ] as const) {
      const { code, output } = await yad(...args);
      expect({ args, output, code }).toEqual({ args, output: expect.stringContaining(said), code: 1 });
    }
  }, 60_000);

  it('ends its process with these codes, and prints no stack', async () => {
    for (const [args, said, expected] of [
      [['replay', '--verify', 'profile'], 'NOT WHOLE', 3],
      [['rebuild', 'nothing'], "yad: there is no projection 'nothing'", 1],
    ] as const) {
      const { code, output } = await new Program('cli/main.js', { args: [...args], env: { DATABASE_URL: url } }).ended;
      expect({ output, code }).toEqual({ output: expect.stringContaining(said), code: expected });
      expect(output).not.toMatch(/\n {4}at /);
    }
  });

  it('stopped by Ctrl-C ends with 130, and leaves nothing in the way of the next try', async () => {
    const blocked = new pg.Client({ connectionString: url });
    await blocked.connect();
    await blocked.query('begin');
    await blocked.query('select count(*) from analytics.customers');
    // The log lacks an event by now: what is swapped in is a new version, which is not compared.
    await database.query(`update projections.builds set version = 0 where projection = 'profile' and status = 'live'`);
    const rebuild = new Program('cli/main.js', { args: ['rebuild', 'profile'], env: { DATABASE_URL: url } });
    await rebuild.said(/waits: a transaction that reads its views is open/);
    rebuild.signal('SIGINT');
    const { code, output } = await rebuild.ended;
    expect(output).toContain('position 21 is missing');
    expect(output).toContain('stopped in order');
    expect(code).toBe(130);
    await blocked.query('rollback');
    await blocked.end();
    // It goes on where that one was, which had read the log to its end.
    const after = await yad('rebuild', 'profile');
    expect(after.output).toContain('swapped in');
    expect(after.code).toBe(0);
  }, 60_000);
});
