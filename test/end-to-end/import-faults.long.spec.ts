import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import {
  answersOf,
  ask,
  describeWithFile,
  expectPublished,
  file,
  headOf,
  importArguments,
  openShop,
  type Shop,
} from './online-retail.js';
import { Program } from './processes.js';

describe('a file with broken lines', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop?.close());

  // Each line stands alone on its invoice; null: it is sound and must be stored.
  const lines: [text: string, reason: RegExp | null][] = [
    ['1001,TEAPOT,A teapot,2,2011-01-05 10:00:00,12.50,17850.0,United Kingdom', null],
    ['1002,TEAPOT,"A "small" teapot",2,2011-01-05 10:00:00,12.50,17850.0,United Kingdom', /quote/i],
    ['1003,TEAPOT,2,2011-01-05 10:00:00,12.50,17850.0,United Kingdom', /^7 cells .* 8 columns$/],
    ['1004,TEAPOT,A teapot,2,2011-01-05 10:00:00,12.50,17850.0,United Kingdom,and more', /^9 cells .* 8 columns$/],
    ['1005,TEAPOT,A teapot,two,2011-01-05 10:00:00,12.50,17850.0,United Kingdom', /^column Quantity: 'two'/],
    ['1006,TEAPOT,A teapot,2,2011-01-05 10:00:00,12.5O,17850.0,United Kingdom', /^column UnitPrice: '12.5O'/],
    ['1007,TEAPOT,A teapot,2,2011-02-30 10:00:00,12.50,17850.0,United Kingdom', /^column InvoiceDate: '2011-02-30/],
    ['1008,TEAPOT,A teapot,2,yesterday,12.50,17850.0,United Kingdom', /^column InvoiceDate: 'yesterday'/],
    ['1009,TEAPOT,A teapot,2,2011-01-05 10:00:00,12.50,nobody,United Kingdom', /^column CustomerID: 'nobody'/],
    ['1010,TEAPOT,"سینی, large",1,2011-01-06 10:00:00,0.001,,United Kingdom', null],
    ['1011,,A teapot,2,2011-01-05 10:00:00,12.50,17850.0,United Kingdom', /\/lines\/0\/sku/],
    [
      '1012,TEAPOT,A teapot,2,2011-01-05 10:00:00,99999999999999999999999,17850.0,United Kingdom',
      /\/lines\/0\/unitPrice/,
    ],
    ['C1013,TEAPOT,A teapot,-1,2011-01-07 10:00:00,12.50,17850.0,United Kingdom', null],
    ['1014,TEAPOT,"A teapot,2,2011-01-05 10:00:00,12.50,17850.0,United Kingdom', /quote/i],
  ];

  it('has each named with its line, its reason and its cells; the sound ones are stored, exactly', async () => {
    const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
    const path = join(shop.folder, 'broken.csv');
    writeFileSync(path, `${[header, ...lines.map(([text]) => text)].join('\n')}\n`);
    const imported = await shop.import(path, 2);
    const broken = lines.flatMap(([text, reason], i) => (reason ? [{ number: i + 2, text, reason }] : []));
    expect(imported.output).toContain(`${lines.length} lines, `);
    expect(imported.output).toContain(`${broken.length} lines refused: see broken.csv.refused.csv`);
    const stored = lines.length - broken.length;
    expect(imported.output).toContain(
      `rows: ${lines.length} read, ${stored} stored, 0 known, ${broken.length} refused, 0 unread`,
    );

    const text = readFileSync(join(shop.folder, 'broken.csv.refused.csv'), 'utf8');
    const rows: string[][] = parse(text, { relax_column_count: true });
    expect(rows[0]!.slice(0, 3)).toEqual(['line', 'reason', 'InvoiceNo']);
    const refused = new Map(rows.slice(1).map(([number, reason, ...cells]) => [Number(number), { reason, cells }]));
    expect([...refused.keys()].toSorted((a, b) => a - b)).toEqual(broken.map(({ number }) => number));
    for (const { number, reason, text: line } of broken) {
      expect(refused.get(number)!.reason).toMatch(reason);
      expect(refused.get(number)!.cells.join()).toContain(line.slice(0, 4));
    }

    const summary = await ask(shop.url, '/analytics/sales-summary?currency=GBP', imported.position);
    expect(summary).toMatchObject({ documents: 3, orders: 2, creditNotes: 1, customers: 1, net: '12.501' });
    const orders = await ask(shop.url, '/orders', imported.position);
    expect(orders.map(({ number }: any) => number)).toEqual(['1010', '1001']);
    const again = await shop.import(path, 2);
    expect(again.output).toContain(`0 stored, ${stored} known, ${broken.length} refused`);
    expect(await headOf(shop.url)).toBe(imported.position);
  });
});

describeWithFile('an import that is killed', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop?.close());

  /** The line that an import stopped now would go on at; 0 before the first point. */
  const resumeLine = (): number => {
    try {
      const folder = join(shop.folder, '.yad', 'imports');
      const [name] = readdirSync(folder).filter((each) => each.endsWith('.json'));
      return JSON.parse(readFileSync(join(folder, name!), 'utf8')).line as number;
    } catch {
      return 0;
    }
  };

  it('goes on where it was, twice, and all is there once', async () => {
    let reached = 0;
    for (const until of [100_000, 300_000]) {
      const killed = new Program('cli/main.js', { args: importArguments(file, shop.url), cwd: shop.folder });
      while (resumeLine() < until) {
        if (/^position /m.test(killed.output)) throw new Error('the import was through before it could be killed');
        await sleep(20);
      }
      killed.signal('SIGKILL');
      expect((await killed.ended).code).toBeNull();
      expect(resumeLine()).toBeGreaterThan(reached);
      reached = resumeLine();
    }
    const resumed = await shop.import();
    expect(Number(/^taken up at line (\d+),/m.exec(resumed.output)![1])).toBe(reached);
    expect(resumed.output).not.toContain('refused: see');
    const position = await headOf(shop.url);
    expectPublished(await answersOf(shop.url, position));
    // Nor is anything there twice that the figures do not show: from the first line, all of it is known.
    const again = await shop.import();
    expect(again.output).toMatch(/541909 lines, 25900 groups, .*: 0 stored/);
    expect(await headOf(shop.url)).toBe(position);
  });
});
