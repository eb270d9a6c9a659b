import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { AccessDeniedError, jsonEvent, KurrentDBClient } from '@kurrent/kurrentdb-client';
import { KurrentDbDouble } from './kurrentdb-double.js';

const record = (text: string) => ({ streamName: 'note-1', record: jsonEvent({ type: 'noted', data: { text } }) });

async function texts(client: KurrentDBClient): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { event } of client.readStream('note-1')) found.push((event!.data as { text: string }).text);
  return found;
}

it('the double is encrypted, and lets in whom it knows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'yad-kurrentdb-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = (file: string, subject: string) => ['-newkey', 'rsa:2048', '-nodes', '-keyout', file, '-subj', subject];
  openssl('req', '-x509', ...key('ca.key', '/CN=authority'), '-out', 'ca.pem', '-days', '2');
  openssl('req', ...key('key.pem', '/CN=db'), '-out', 'csr', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2'];
  openssl('x509', '-req', '-in', 'csr', ...by, '-out', 'cert.pem');
  const [certificate, own] = ['cert.pem', 'key.pem'].map((file) => readFileSync(join(folder, file)));
  const double = await KurrentDbDouble.start({
    tls: { certificate: certificate!, key: own! },
    users: { yad: 'letmein' },
  });
  const address = (user: string): string =>
    `${double.url().replace('://127.0.0.1', `://${user}@localhost`)}&tlsCaFile=${join(folder, 'ca.pem')}`;
  const client = KurrentDBClient.connectionString(address('yad:letmein'));
  await client.appendRecords([record('a')]);
  await client.appendToStream('note-1', record('b').record);
  expect(await texts(client)).toEqual(['a', 'b']);
  const other = KurrentDBClient.connectionString(address('yad:wrong'));
  await expect(other.appendRecords([record('c')])).rejects.toBeInstanceOf(AccessDeniedError);
  await expect(other.appendToStream('note-1', record('c').record)).rejects.toBeInstanceOf(AccessDeniedError);
  await expect(texts(other)).rejects.toBeInstanceOf(AccessDeniedError);
  await Promise.all([client.dispose(), other.dispose()]);
  await double.stop();
  rmSync(folder, { recursive: true, force: true });
});
