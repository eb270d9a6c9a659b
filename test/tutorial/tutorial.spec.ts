import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readModelsOf } from '#analytical/index.js';
import * as questions from '#analytical/questions.js';
import { definitions } from '#apps/definitions.js';
import { newId } from '#platform/kernel/ids.js';
import { startSystem, type System } from '#test/support/system.js';
import { until } from '../faults/app.js';
import { recordVisit } from './record-visit.command.js';
import * as shopVisits from './shop-visits.query.js';
import { tagRegular } from './tag-regular.policy.js';
import { visitRecorded } from './visit.events.js';
import { visit } from './visit.resource.js';

describe('the tutorial', () => {
  let system: System;
  beforeAll(async () => {
    const extended = {
      ...definitions,
      events: [...definitions.events, visitRecorded],
      commands: [...definitions.commands, recordVisit],
      policies: [tagRegular],
      resources: [...definitions.resources, visit],
      // All that a line for its queries in `libs/analytical/questions.ts` would add.
      ...readModelsOf({ ...questions, ...shopVisits }),
    };
    system = await startSystem(extended, undefined, { limits: { lookMs: 100 } });
  });
  afterAll(() => system.stop());

  it.each([
    ['add-a-command-and-a-read-model.md', 7],
    ['add-a-policy.md', 2],
  ])('shows its files as they are: %s', (page, most) => {
    const text = readFileSync(`docs/tutorial/${page}`, 'utf8');
    const blocks = [...text.matchAll(/^`test\/tutorial\/([\w.-]+)`[^\n]*\n\n```ts\n(.*?)```$/gms)];
    expect(blocks.length).toBeGreaterThanOrEqual(most);
    for (const [, file, code] of blocks) expect(code).toBe(readFileSync(`test/tutorial/${file}`, 'utf8'));
  });

  it('adds a read model with its query by three files, of which one is imported', () => {
    const files = readdirSync('test/tutorial').filter((file) => file.startsWith('shop-visits.'));
    expect(files).toEqual(['shop-visits.projection.ts', 'shop-visits.query.ts', 'shop-visits.table.ts']);
  });

  it('runs from the command to the query', async () => {
    const { client } = system;
    const contact = newId();
    const first = await client.post('/v1/visits', { contact, shop: 'yazd', note: 'with her sister' });
    expect(first.status).toBe(201);
    expect((await client.get(String(first.headers['location']))).body.data).toMatchObject({ contact, shop: 'yazd' });
    const { body } = await client.post('/v1/visits', { contact, shop: 'yazd' });
    const answer = await client.get(`/v1/customers/${contact}/visits?minPosition=${body.position}`);
    expect(answer.body.data).toEqual([{ shop: 'yazd', visits: 2, lastAt: expect.any(String) }]);
    // Beside it, with nothing written for it: the audit, the customer's timeline, the document, imports and batches.
    const events = await client.get(`/v1/audit/customers/${contact}/events`);
    expect(events.body.data).toHaveLength(2);
    expect(client.document.paths).toHaveProperty(['/v1/visits']);
    expect(client.document.paths).toHaveProperty(['/v1/customers/{id}/visits']);
  });

  it('runs a policy: who comes for the third time is tagged', async () => {
    const { client } = system;
    const { id } = (await client.post('/v1/contacts', { name: { full: 'Mina' } })).body;
    const tags = async (): Promise<string[]> => (await client.get(`/v1/contacts/${id}`)).body.data.tags;
    for (const shop of ['yazd', 'shiraz', 'yazd']) {
      expect(await tags()).toEqual([]);
      await client.post('/v1/visits', { contact: id, shop });
    }
    await until('she is tagged', 15_000, async () => (await tags()).includes('regular'));
    const events = await client.get(`/v1/audit/customers/${id}/events`);
    expect(events.body.data.at(-1)).toMatchObject({ actor: 'policy:tag-regular' });
  });
});
