import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSystem, type System } from '../support/system.js';

// What others make of the API document: public linters, generators of clients, a page in a browser. The tools are
// larger than all of Yad, so they have a package and a lock file of their own and are installed by this run alone.

const run = promisify(execFile);
const root = process.cwd();
const tools = resolve(root, 'tools/openapi');
const { NODE_OPTIONS: _jest, ...env } = process.env;
const node = async (args: string[], cwd = tools): Promise<string> => {
  const options = { cwd, env: { ...env, NO_COLOR: '1' }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run(process.execPath, args, options).catch((error) => {
    throw new Error(`node ${args.join(' ')}: ${error.stdout}\n${error.stderr}`);
  });
  return stdout;
};
const document = resolve(root, 'docs/openapi.json');

/** Installs the tools unless they are there, as the lock file has them. */
async function install(): Promise<void> {
  const installed = join(tools, 'node_modules', '.package-lock.json');
  const lock = join(tools, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(lock).mtimeMs) return;
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: tools, env });
}

describe('the OpenAPI document', () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'yad-clients-'));
    await install();
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("passes Redocly's recommended rules and Spectral's for OpenAPI", async () => {
    expect(await node(['lint.mjs', document])).toBe('0 problems\n');
  }, 600_000);

  it("has beside it an AsyncAPI document that AsyncAPI's own parser has nothing to say about", async () => {
    expect(await node(['lint-asyncapi.mjs', resolve(root, 'docs/asyncapi.json')])).toMatch(
      /^0 problems, \d\d+ messages\n$/,
    );
  }, 600_000);

  it('makes clients by openapi-typescript and by orval that typecheck in use', async () => {
    await node(['node_modules/openapi-typescript/bin/cli.js', document, '-o', join(folder, 'types.d.ts')]);
    const orval = ['node_modules/orval/dist/bin/orval.mjs', '--input', document];
    await node([...orval, '--output', join(folder, 'client.ts'), '--client', 'fetch']);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(folder, 'use.ts'),
      `import type { operations, paths } from './types.js';
       import { getOrder, placeOrder } from './client.js';
       type Order = NonNullable<operations['PlaceOrder']['requestBody']>['content']['application/json'];
       const order: Order = { currency: 'GBP', zone: 'UTC', lines: [{ sku: 'CUP', quantity: '1', unitPrice: '2' }] };
       type Found = paths['/v1/orders/{id}']['get']['responses'][200]['content']['application/json'];
       export const netOf = (found: Found): string => found.data.net;
       type Event = paths['/v1/audit/events/{position}']['get']['responses'][200]['content']['application/json']['data'];
       // What an event says follows from its type.
       export const worthOf = (event: Event): string | undefined =>
         event.known && event.type === 'crm.sales.order.placed' ? event.data.net : undefined;
       export async function roundTrip(): Promise<string> {
         const placed = await placeOrder(order);
         if (placed.status !== 201) throw new Error(placed.data.detail);
         const found = await getOrder(placed.data.id);
         return found.status === 200 ? netOf(found.data) : '';
       }`,
    );
    const compile = async (file: string): Promise<string> => {
      const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom'];
      return node([join(root, 'node_modules/@typescript/native/bin/tsc'), ...flags, file], folder);
    };
    expect(await compile('use.ts')).toBe('');
    expect(readFileSync(join(folder, 'client.ts'), 'utf8')).toContain('export const placeOrder = ');
    // It would tell: a client that asks for what is not there does not compile.
    writeFileSync(join(folder, 'wrong.ts'), `import { netOf } from './use.js'; netOf({ data: { net: 1 } });`);
    await expect(compile('wrong.ts')).rejects.toThrow('TS2322');
  }, 600_000);
});

const browsers = [process.env['YAD_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'];
const hasBrowser = browsers.some((path) => path && existsSync(path));
if (!hasBrowser && process.env['YAD_TEST_NO_SKIP']) throw new Error('there is no Chromium to open /docs with');

(hasBrowser ? describe : describe.skip)('the page at /docs', () => {
  let system: System;
  beforeAll(async () => {
    await install();
    system = await startSystem();
  }, 600_000);
  afterAll(() => system?.stop());

  it('opens in a browser without an error, and sends a command that is answered with 201', async () => {
    const before = await system.head();
    const seen = JSON.parse(await node(['page.mjs', system.url]));
    expect(seen).toMatchObject({ console: [], failed: [], shown: [] });
    expect(seen.tags).toBeGreaterThan(7);
    const { 'contacts-RegisterContact': command, 'customers-Customers': query } = seen.answers;
    expect([command.status, query.status]).toEqual([201, 200]);
    expect(command.text).toContain('"position"');
    expect(await system.head()).toBe(before + 1n);
  }, 600_000);
});
