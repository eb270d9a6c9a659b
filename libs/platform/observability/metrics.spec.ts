import { describe, expect, it } from '@jest/globals';
import { Scrape } from '#test/support/scrape.js';
import { Metrics } from './metrics.js';

const scrape = async (metrics: Metrics): Promise<Scrape> => new Scrape(await metrics.text());

describe('metrics', () => {
  it('are read from what is there when somebody asks', async () => {
    const metrics = new Metrics();
    let [waiting, refused] = [1, 5];
    metrics.pull(
      'queue',
      {
        waiting: { name: 'yad_waiting', help: 'x', labels: ['queue'] },
        refused: { name: 'yad_refused_total', help: 'x' },
      },
      () => ({ waiting: [[{ queue: 'a' }, waiting]], refused: [[{}, refused]] }),
    );
    const first = await scrape(metrics);
    expect([first.value('yad_waiting', { queue: 'a' }), first.value('yad_refused_total')]).toEqual([1, 5]);
    expect([first.types.get('yad_waiting'), first.types.get('yad_refused_total')]).toEqual(['gauge', 'counter']);
    [waiting, refused] = [0, 6];
    const second = await scrape(metrics);
    expect([second.value('yad_waiting'), second.value('yad_refused_total')]).toEqual([0, 6]);
  });

  it('that cannot be read are absent, and not what they were; the others are told', async () => {
    const metrics = new Metrics();
    let isAway = false;
    const read = () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve({ lag: [[{}, 7]] as const }));
    metrics.pull('store', { lag: { name: 'yad_lag', help: 'x' } }, read);
    metrics.pull('other', { one: { name: 'yad_one', help: 'x' } }, () => ({ one: [[{}, 1]] }));
    expect((await scrape(metrics)).value('yad_lag')).toBe(7);
    isAway = true;
    const scraped = await scrape(metrics);
    expect([scraped.value('yad_lag'), scraped.value('yad_one')]).toEqual([undefined, 1]);
    expect(scraped.value('yad_scrape_failures_total', { source: 'store' })).toBe(1);
  });

  it('are read once for all who ask at the same time', async () => {
    const metrics = new Metrics();
    let reads = 0;
    metrics.pull('slow', { reads: { name: 'yad_reads', help: 'x' } }, async () => ({ reads: [[{}, ++reads]] }));
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    expect(reads).toBe(1);
  });
});
