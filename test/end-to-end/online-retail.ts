import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from '@jest/globals';
import { createTestDatabase } from '../support/postgres.js';
import { Program, dataFolder, type Ended } from './processes.js';

/** The Online Retail file of the UCI repository: 541,909 lines of a British shop. */
export const file = join(dataFolder, 'online-retail.csv.gz');

/** A `describe` of what needs the file; it says so where it is not there. */
export function describeWithFile(name: string, specs: () => void): void {
  if (existsSync(file)) return describe(name, specs);
  console.log(`${name}: not run, for ${file} is not there; YAD_TEST_DATA names another folder`);
  describe.skip(name, specs);
}

/** What is published of the file, and what plain arithmetic on its lines gives. */
export const published = {
  summary: {
    documents: 25_900,
    creditNotes: 3_836,
    adjustments: 3,
    customers: 4_372,
    net: '9747747.934',
    customerSales: { lines: 397_884, orders: 18_532, customers: 4_338, value: '8911407.904' },
  },
  rfm: {
    day: '2011-12-10',
    population: 4_338,
    thresholds: {
      recency: ['13.8', '33', '72', '180'],
      frequency: ['1', '2', '3', '6'],
      monetary: ['250.194', '490.096', '942.276', '2058.426'],
    },
  },
};

/** A question to an address, answered with everything up to a position; waits for the read models for two minutes. */
export async function ask(url: string, path: string, minPosition = '0'): Promise<any> {
  const asked = `${url}/v1${path}${path.includes('?') ? '&' : '?'}minPosition=${minPosition}`;
  for (const until = Date.now() + 120_000; ; await sleep(100)) {
    const response = await fetch(asked);
    const answer = (await response.json()) as any;
    if (response.ok) return answer.data;
    if (response.status !== 503 || Date.now() > until) throw new Error(`${asked}: ${JSON.stringify(answer)}`);
  }
}

/** Position of the last event in the store. */
export async function headOf(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/audit/events?limit=1`);
  return ((await response.json()) as any).freshness.position as string;
}

/** The id that a mapping makes of words, its name first, on the log at an address. */
export async function idOf(url: string, ...words: string[]): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/ids`, { method: 'POST', headers, body: JSON.stringify({ words: [words] }) });
  return ((await response.json()) as any).ids[0] as string;
}

/** The answers that two systems, or one before and after, must agree in: all that is known, or before a day. */
export async function answersOf(url: string, position: string, before?: string): Promise<any> {
  const day = before ?? published.rfm.day;
  const rfm = `/analytics/rfm?currency=GBP&day=${day}`;
  const to = before ? `&to=${before}` : '';
  return {
    summary: await ask(url, `/analytics/sales-summary?currency=GBP${to}`, position),
    rfm: await ask(url, rfm, position),
    best: await ask(url, `${rfm.replace('rfm?', 'rfm/customers?')}&sort=value&limit=1000`, position),
    days: await ask(url, `/analytics/sales-by-day?currency=GBP&limit=1000${to}`, position),
  };
}

/** Checks that the answers are those which are published. */
export function expectPublished(answers: any): void {
  expect(answers.summary).toMatchObject(published.summary);
  expect(answers.rfm).toMatchObject(published.rfm);
}

/** A Yad in a process of its own, `npm start` on a new database, and a folder for what imports leave behind. */
export interface Shop {
  url: string;
  databaseUrl: string;
  folder: string;
  server: Program;
  /** Runs `yad import` of a file into it; the exit code is 0 unless another is expected. */
  import(path?: string, code?: number): Promise<Ended & { position: string; seconds: number }>;
  /** Ends the server in order, and gives what it said last. */
  close(): Promise<Ended>;
}

/** The command line of an import into the Yad at an address. */
export const importArguments = (path: string, url: string): string[] => [
  ...['import', path, '--map', 'online-retail', '--url', url],
];

/**
 * Imports into the Yad at an address; the refused rows and the resume point are kept in `folder`.
 * @throws Error with what it wrote when it ends with another code than is expected
 */
export async function importInto(
  url: string,
  folder: string,
  path = file,
  code = 0,
): Promise<Ended & { position: string; seconds: number }> {
  const began = performance.now();
  const ended = await new Program('cli/main.js', { args: importArguments(path, url), cwd: folder }).ended;
  if (ended.code !== code) throw new Error(`yad import ${path} ended with ${ended.code}: ${ended.output}`);
  const position = /^position (\d+)$/m.exec(ended.output)![1]!;
  return { ...ended, position, seconds: (performance.now() - began) / 1000 };
}

/** Opens a shop without a past. @param env what is set beside its database */
export async function openShop(env: Record<string, string> = {}): Promise<Shop> {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'yad-end-to-end-'));
  // What is counted is what an import stores: what follows by itself would be events of its own, some moments later.
  const own = { DATABASE_URL: database.url, PORT: '0', YAD_POLICIES: 'off', ...env };
  const server = new Program('standalone/main.js', { env: own, cwd: folder });
  const url = (await server.said(/Yad is up on (http\S+),/))[1]!;
  return {
    url,
    databaseUrl: database.url,
    folder,
    server,
    import: (path, code) => importInto(url, folder, path, code),
    close: async () => {
      const ended = await server.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
      return ended;
    },
  };
}
