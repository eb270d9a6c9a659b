import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { until } from '../faults/app.js';
import { speakTo } from '../support/speak.js';
import { startSystem, type System } from '../support/system.js';

// The stage of a contact follows what they buy: by a policy, from the command over HTTP to the read model.
describe('the stage of a contact, from outside', () => {
  let system: System;
  beforeAll(async () => void (system = await startSystem(definitions, undefined, { limits: { lookMs: 100 } })), 60_000);
  afterAll(() => system?.stop());

  const { send, ask } = speakTo(() => system);
  const register = async (): Promise<string> => (await send('/contacts', { name: { full: 'Ada' } })).id;
  const line = { sku: 'TEAPOT', quantity: '2', unitPrice: '12.50' };
  const buy = async (contact?: string): Promise<string> => {
    const sale = { contact, currency: 'GBP', zone: 'Europe/London', lines: [line], paid: '25' };
    return (await send('/sales', sale)).id;
  };
  const sendBack = async (order: string, quantity: string): Promise<void> => {
    const { id } = await send('/returns', { order, lines: [{ line: 1, quantity }] });
    for (const step of ['authorise', 'receive', 'inspect']) await send(`/returns/${id}/${step}`, {});
    await send(`/returns/${id}/refund`, { currency: 'GBP' });
  };
  const stageOf = async (id: string): Promise<string> => (await ask(`/contacts/${id}`)).stage;
  const isOfStage = (id: string, stage: string) =>
    until(`it is a ${stage}`, 15_000, async () => (await stageOf(id)) === stage);
  const eventsOf = async (id: string) => (await ask(`/audit/streams/contact/${id}/events`)) as any[];
  const settle = (id: string, notes: number) =>
    until(`${notes} notes`, 15_000, async () => {
      const events = await eventsOf(id);
      return events.filter(({ type }) => type === 'crm.contacts.contact.purchases-noted').length === notes;
    });

  it('becomes customer with the first sale, and goes back when all has come back, not before', async () => {
    const id = await register();
    const before = await stageOf(id);
    const [first, second] = [await buy(id), await buy(id)];
    await isOfStage(id, 'customer');
    const changed = (await eventsOf(id)).find(({ type }) => type.endsWith('lifecycle-stage-changed'));
    expect(changed).toMatchObject({ actor: 'policy:follow-purchases' });
    await sendBack(first, '2');
    await sendBack(second, '1');
    expect(await stageOf(id)).toBe('customer');
    await sendBack(second, '1');
    await isOfStage(id, before);
    await until('the read model says so', 15_000, async () => (await ask(`/customers/${id}`)).stage === before);
    // One note when it began and one when it ended, whatever happened between.
    await settle(id, 2);
  });

  it('stays what somebody has made of it', async () => {
    const id = await register();
    const order = await buy(id);
    await isOfStage(id, 'customer');
    await system.client.send('PUT', `/v1/contacts/${id}/stage`, { stage: 'loyal' });
    expect(await stageOf(id)).toBe('loyal');
    await sendBack(order, '2');
    await settle(id, 2);
    expect(await stageOf(id)).toBe('loyal');
  });

  it('follows a walk-in order while that is attached', async () => {
    const id = await register();
    const before = await stageOf(id);
    const order = await buy();
    await send(`/orders/${order}/attach`, { contact: id });
    await isOfStage(id, 'customer');
    await send(`/orders/${order}/detach`, {});
    await isOfStage(id, before);
  });

  it('of the survivor follows what the merged contact buys, before and after the merge', async () => {
    const [survivor, early, late] = [await register(), await register(), await register()];
    const before = await stageOf(survivor);
    await buy(early);
    await isOfStage(early, 'customer');
    await send(`/contacts/${early}/merge`, { into: survivor });
    await isOfStage(survivor, 'customer');
    await send(`/contacts/${early}/unmerge`, { from: survivor });
    await isOfStage(survivor, before);
    expect(await stageOf(early)).toBe('customer');

    await send(`/contacts/${late}/merge`, { into: survivor });
    await buy(late);
    await isOfStage(survivor, 'customer');
  });
});
