import { request, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ajv2020 from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import fc from 'fast-check';
import { newId } from '#platform/kernel/ids.js';
import { EventFeed } from '../consumers/typescript/event-feed.js';
import { speakTo } from '../support/speak.js';
import { startSystem, type Client, type System } from '../support/system.js';

// The log as services of others follow it, on PostgreSQL and over a real port.
describe('the feed of events, from outside', () => {
  let system: System;
  let client: Client;
  const contacts: string[] = [];
  beforeAll(async () => {
    system = await startSystem();
    ({ client } = system);
    for (let i = 0; i < 12; i++) await happen();
  }, 60_000);
  afterAll(() => system?.stop());

  const { send } = speakTo(() => system);
  /** Two events about one customer. */
  async function happen(): Promise<void> {
    const { id } = await send('/contacts', { kind: 'person', name: { full: `Ada ${contacts.length}` } });
    await send(`/contacts/${id}/tags`, { tags: ['known'] });
    contacts.push(id);
  }
  const page = async (query: string): Promise<any> => {
    const { status, body } = await client.get(`/v1/events?${query}`);
    expect(status).toBe(200);
    return body;
  };
  const positions = (events: readonly any[]): number[] => events.map(({ yadposition }) => Number(yadposition));
  const upTo = (last: number, after = 0): number[] => Array.from({ length: last - after }, (_, i) => after + i + 1);

  it('is the whole log in pages of any size, each event of the form that its schema says', async () => {
    const head = Number(await system.head());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), async (sizes) => {
        const seen: number[] = [];
        let after = '0';
        for (let n = 0; ; n++) {
          const { events, next, more } = await page(`after=${after}&limit=${sizes[n % sizes.length]}`);
          seen.push(...positions(events));
          after = next;
          if (!more) break;
        }
        expect(seen).toEqual(upTo(head));
      }),
      { numRuns: 15 },
    );
    const ajv = new ajv2020.Ajv2020({ strict: false });
    (ajvFormats as any).default(ajv);
    const { events } = await page('limit=1000');
    for (const { type, yadversion, dataschema, data } of events) {
      if (!ajv.getSchema(dataschema)) ajv.addSchema((await client.get(`/v1/schemas/${type}/${yadversion}`)).body);
      if (!ajv.validate(dataschema, data)) throw new Error(`${type}: ${ajv.errorsText()}`);
    }
    const { body: audited } = await client.get(`/v1/audit/events/${events[0].yadposition}`);
    expect(audited.data).toMatchObject({
      id: events[0].id,
      aggregate: events[0].yadaggregate,
      aggregateId: events[0].yadaggregateid,
      subject: events[0].subject,
      commandId: events[0].yadcommandid,
    });
    expect(events[0].data.personalData.parts.profile.name.full).toBe('Ada 0');
  });

  it('takes a consumer from the beginning over to what happens now, without a gap or a double', async () => {
    const seen: number[] = [];
    let after = '0';
    const writing = (async () => {
      for (let i = 0; i < 15; i++) await happen();
    })();
    let written = false;
    void writing.then(() => (written = true));
    for (let quiet = 0; quiet < 2;) {
      const { events, next, more } = await page(`after=${after}&limit=5&wait=1`);
      seen.push(...positions(events));
      after = next;
      quiet = written && !more && events.length === 0 ? quiet + 1 : 0;
    }
    expect(seen).toEqual(upTo(Number(await system.head())));
  });

  it('answers a wait as soon as something happens, also where it is of one type or about one customer', async () => {
    const head = Number(await system.head());
    const began = Date.now();
    const waits = ['', '&types=crm.contacts.contact.tagged', '&types=crm.contacts.,crm.not-yet'].map((filter) =>
      page(`after=${head}&wait=20${filter}`),
    );
    const aboutNobody = page(`after=${head}&wait=1&subject=${newId()}`);
    await happen();
    const [all, tagged] = await Promise.all(waits);
    expect(all.events.length).toBeGreaterThan(0);
    expect(positions(tagged.events)).toEqual([head + 2]);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(await aboutNobody).toMatchObject({ through: String(head + 2), more: false, events: [] });
  });

  it('streams to a consumer that breaks off and comes back, each event once', async () => {
    const head = Number(await system.head());
    const seen: number[] = [];
    let lastId = '';
    for (let round = 0; round < 3; round++) {
      const stream = await new Promise<IncomingMessage>((resolve, reject) => {
        const headers = { accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) };
        request(`${system.url}/v1/events?after=${head - 3}`, { headers }, resolve)
          .on('error', reject)
          .end();
      });
      expect(stream.statusCode).toBe(200);
      const writing = happen();
      // One of those that there are is left for the next round.
      const most = seen.length + (round === 0 ? 4 : 2);
      let text = '';
      for await (const chunk of stream.setEncoding('utf8')) {
        text += chunk;
        const frames = text.split('\n\n');
        text = frames.pop()!;
        for (const frame of frames) {
          const id = /^id: (.*)$/m.exec(frame)?.[1];
          if (id === undefined || seen.length >= most) continue;
          lastId = id;
          if (!frame.includes('event: progress')) seen.push(Number(id));
        }
        // In the middle of what comes, whatever was sent beyond it.
        if (seen.length >= most) break;
      }
      stream.destroy();
      await writing;
    }
    expect(seen).toEqual(upTo(head + 5, head - 3));
  });

  it('serves a consumer that was away, as its own program reads it', async () => {
    const last = BigInt(await system.head());
    for (let i = 0; i < 3; i++) await happen();
    const feed = new EventFeed(system.url);
    const seen: bigint[] = [];
    for await (const part of feed.read({ after: last })) seen.push(...part.events.map(({ position }) => position));
    expect(seen.map(Number)).toEqual(upTo(Number(last) + 6, Number(last)));
    const about: bigint[] = [];
    for await (const part of feed.read({ after: 0n, subject: contacts[3]! })) {
      about.push(...part.events.map(({ position }) => position));
    }
    expect(about).toHaveLength(2);
  });

  it('says to who comes from another log, or from beyond the end, where to go on', async () => {
    const head = Number(await system.head());
    for (const [after, goOnAfter] of [
      [`${head + 1}`, `${head}`],
      [`3.1.${newId()}`, '0'],
    ]) {
      const { status, body } = await client.get(`/v1/events?after=${after}`);
      expect([status, body.type, body.goOnAfter]).toEqual([410, 'urn:yad:problem:position-lost', goOnAfter]);
      expect((await client.get(`/v1/events?after=${body.goOnAfter}&limit=1`)).status).toBe(200);
    }
  });
});
