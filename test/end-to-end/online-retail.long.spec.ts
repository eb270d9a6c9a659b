import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { parse } from 'csv-parse';
import {
  answersOf,
  describeWithFile,
  expectPublished,
  file,
  headOf,
  idOf,
  openShop,
  type Shop,
} from './online-retail.js';
import { yad } from './processes.js';

/** Most memory of the importing process, in MB: well below what half a million lines take as objects. */
const FLAT = 400;

const { projections } = definitions;

describeWithFile('a year of a shop', () => {
  let shop: Shop;
  let position: string;
  let answers: any;
  beforeAll(async () => {
    shop = await openShop();
  });
  afterAll(() => shop?.close());

  it('is imported, and the read models give the published figures', async () => {
    const imported = await shop.import();
    ({ position } = imported);
    const began = performance.now();
    answers = await answersOf(shop.url, position);
    const answered = imported.seconds + (performance.now() - began) / 1000;
    console.log(
      `Online Retail: imported in ${imported.seconds.toFixed(1)} s, answered after ${answered.toFixed(1)} s; ` +
        `the importing process took ${imported.peakMB.toFixed(0)} MB at most`,
    );
    expectPublished(answers);
    expect(await headOf(shop.url)).toBe(position);
    expect(imported.output).toMatch(/^541909 lines, 25900 groups, .* 0 known before$/m);
    expect(existsSync(join(shop.folder, 'online-retail.csv.gz.refused.csv'))).toBe(false);
    expect(imported.peakMB).toBeLessThan(FLAT);
  });

  it('keeps every column of the file', async () => {
    // By the log, as an auditor reads it: order 536370, the first that was not sold at home.
    const invoice = await idOf(shop.url, 'online-retail', 'invoice', '536370');
    const answer = await fetch(`${shop.url}/v1/audit/streams/order/${invoice}/events`);
    const [placed] = ((await answer.json()) as any).data;
    expect(placed.data).toMatchObject({ number: '536370', country: 'France', contact: expect.any(String) });
    expect(placed.data.lines).toHaveLength(20);
    expect(placed.data.lines[0]).toEqual({
      line: 1,
      sku: '22728',
      description: 'ALARM CLOCK BAKELIKE PINK',
      quantity: '24',
      unitPrice: '3.75',
    });
  });

  it('changes nothing when it is imported again', async () => {
    const again = await shop.import();
    expect(again.output).toMatch(/^541909 lines, .*: 0 stored, \d+ known before$/m);
    expect(again.output).not.toContain('refused: see');
    expect(await headOf(shop.url)).toBe(position);
    expect(await answersOf(shop.url, position)).toEqual(answers);
    expect(again.peakMB).toBeLessThan(FLAT);
  });

  it('gives the same answers after a rebuild, and a replay equals the live rows', async () => {
    const env = { DATABASE_URL: shop.databaseUrl };
    const rebuilt = await yad(['rebuild'], env);
    expect(rebuilt.output.match(/: generation 2, equal to the live one, swapped in/g)).toHaveLength(projections.length);
    expect(await answersOf(shop.url, position)).toEqual(answers);
    const verified = await yad(['replay', '--verify'], env);
    expect(verified.output.match(/^[a-z0-9-]+: equal$/gm)).toHaveLength(projections.length);
  });

  it('answers as of a day as a system does that was fed only the lines before it', async () => {
    const day = '2011-06-01';
    const before = join(shop.folder, 'before.csv.gz');
    const kept = await linesBefore(day, before);
    const then = await answersOf(shop.url, position, day);
    const other = await openShop();
    try {
      const imported = await other.import(before);
      expect(imported.output).toContain(`${kept} lines,`);
      expect(withoutIds(await answersOf(other.url, imported.position, day))).toEqual(withoutIds(then));
      // It knows nothing of the time since.
      const all = await answersOf(other.url, imported.position);
      expect(all.summary).toEqual({ ...then.summary, to: null });
      expect(then.rfm.population).toBeGreaterThan(2_000);
    } finally {
      await other.close();
    }
  });

  it('took little memory to serve', async () => {
    const { peakMB, output, code } = await shop.server.stop();
    console.log(`Online Retail: the server took ${peakMB.toFixed(0)} MB at most`);
    expect(peakMB).toBeLessThan(900);
    expect([code, output.match(/read models:.*/g)]).toEqual([0, null]);
  });
});

/** Answers of two logs: the ids of customers are each log's own, so that they tell nobody whose they are. */
function withoutIds<Answers extends { best: { customer: string }[] }>({ best, ...answers }: Answers): object {
  const figures = best.map(({ customer: _own, ...rest }) => JSON.stringify(rest));
  return { ...answers, best: figures.toSorted() };
}

/** Writes the header and the lines dated before a day to another file; says how many lines these are. */
async function linesBefore(day: string, target: string): Promise<number> {
  let kept = 0;
  const source = createReadStream(file)
    .pipe(createGunzip())
    .pipe(parse({ raw: true, info: false }));
  async function* raws(): AsyncGenerator<string> {
    let dateAt = -1;
    for await (const { raw, record } of source as AsyncIterable<{ raw: string; record: string[] }>) {
      if (dateAt < 0) dateAt = record.indexOf('InvoiceDate');
      else if (record[dateAt]! >= day) continue;
      else kept++;
      yield raw.endsWith('\n') ? raw : `${raw}\n`;
    }
  }
  await pipeline(Readable.from(raws()), createGzip({ level: 1 }), createWriteStream(target));
  return kept;
}
