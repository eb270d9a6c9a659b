import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '#platform/postgres/connection.js';
import { createPool } from '#platform/postgres/pool.js';
import { workingAs } from '#platform/postgres/database-roles.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { aRequest, thing } from '../conformance/event-store/event-store.conformance.js';
import { OwnServer } from '../support/own-server.js';
import { describeWithReplica } from '../support/replica.js';

describeWithReplica('a server that takes nobody without TLS', () => {
  let server: OwnServer;
  let authority: string;
  const address = (query: string, host = '127.0.0.1'): string =>
    `postgres://yad@${host}:${server.port}/postgres${query && `?${query}`}`;
  const encrypted = async (url: string): Promise<unknown> => {
    const connection = await connect(url, { role: 'read' });
    try {
      const { rows } = await connection.query(`select ssl, version from pg_stat_ssl where pid = pg_backend_pid()`);
      return rows[0];
    } finally {
      await connection.end();
    }
  };

  beforeAll(async () => {
    const local = 'hostssl all all 127.0.0.1/32 trust\nhostssl replication all 127.0.0.1/32 trust\n';
    server = await OwnServer.start([], local);
    await server.halt();
    const at = (name: string): string => join(server.root, name);
    const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { cwd: server.root, stdio: 'pipe' });
    const key = (name: string): string[] => ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`];
    for (const name of ['ca', 'other']) {
      openssl('req', '-x509', ...key(name), '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`);
    }
    openssl('req', ...key('server'), '-out', 'server.csr', '-subj', '/CN=db', '-addext', 'subjectAltName=IP:127.0.0.1');
    openssl(
      ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-days', '2', '-copy_extensions', 'copy', '-out', 'server.pem'],
    );
    for (const [from, to] of [
      ['server.pem', 'server.crt'],
      ['server.key', 'server.key'],
    ] as const) {
      const file = join(server.folder, to);
      cpSync(at(from), file);
      chmodSync(file, 0o600);
      server.give(file);
    }
    server.run('pg_ctl', '--version');
    execFileSync('sh', ['-c', `echo "ssl = on" >> ${join(server.folder, 'postgresql.conf')}`]);
    await server.launch();
    authority = at('ca.pem');
  }, 60_000);
  afterAll(() => server?.stop());

  it('refuses a connection without', async () => {
    await expect(encrypted(address(''))).rejects.toThrow(/no pg_hba.conf entry.*no encryption/);
    await expect(encrypted(address('sslmode=disable'))).rejects.toThrow('no encryption');
  });

  it.each(['verify-full', 'verify-ca', 'require'])('is spoken to by sslmode=%s and its authority', async (mode) => {
    const query = `sslmode=${mode}&sslrootcert=${encodeURIComponent(authority)}`;
    expect(await encrypted(address(query))).toEqual({ ssl: true, version: expect.stringMatching(/^TLSv1\.[23]$/) });
  });

  it.each(['verify-full', 'verify-ca', 'require'])('is not trusted by sslmode=%s on its own word', async (mode) => {
    await expect(encrypted(address(`sslmode=${mode}`))).rejects.toThrow(/certificate/);
    const other = encodeURIComponent(authority.replace('ca.pem', 'other.pem'));
    await expect(encrypted(address(`sslmode=${mode}&sslrootcert=${other}`))).rejects.toThrow(/certificate/);
  });

  it('is not trusted under another name than its certificate says', async () => {
    const query = `sslmode=verify-full&sslrootcert=${encodeURIComponent(authority)}`;
    await expect(encrypted(address(query, 'localhost'))).rejects.toThrow(/altnames/);
  });

  it('carries all of a store, options of the address and the watch over silent connections, too', async () => {
    const url = address(`sslmode=verify-full&sslrootcert=${encodeURIComponent(authority)}`);
    const store = await PostgresEventStore.connect({ url });
    expect(await store.append([aRequest(thing('here'))])).toMatchObject([{ kind: 'stored' }]);
    await store.close();
    const pool = createPool(workingAs(url, 'pg_monitor'), {
      role: 'rebuild',
      max: 1,
      // It is asked about over another connection, time and again, and is at work.
      limits: { silenceMs: 100 },
    });
    const asked = pool.query(`select current_user as name, pg_sleep(2)`);
    await sleep(1_000);
    const watched = createPool(url, { role: 'admin', max: 1 });
    const { rows } = await watched.query(
      `select bool_and(ssl) as all from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'yad'`,
    );
    expect(rows).toEqual([{ all: true }]);
    await watched.end();
    expect((await asked).rows[0].name).toBe('pg_monitor');
    await pool.end();
  });
});
