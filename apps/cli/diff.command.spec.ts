import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Command } from 'commander';
import { newId } from '#platform/kernel/ids.js';
import { inMemoryOperations } from '#test/support/in-memory-app.js';
import { addDiffCommand } from './diff.command.js';

describe('yad diff', () => {
  let app: NestFastifyApplication;
  let url: string;
  let id: string;
  let placed: string;
  beforeAll(async () => {
    app = await inMemoryOperations();
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
    const lines = [{ sku: 'CUP', quantity: '6', unitPrice: '0.85' }];
    const order = await post('/v1/orders', { currency: 'GBP', zone: 'Europe/London', lines });
    ({ id, position: placed } = order);
    await post(`/v1/orders/${id}/confirm`, {});
    await post(`/v1/orders/${id}/payments`, { amount: '5', currency: 'GBP', method: 'card' });
  });
  afterAll(() => app.close());

  const post = async (path: string, body: object): Promise<any> => {
    const headers = { 'content-type': 'application/json', 'yad-reason': 'as "agreed"' };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const said = async (...words: string[]): Promise<string> => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => {});
    try {
      const program = new Command().exitOverride();
      addDiffCommand(program);
      await program.parseAsync(['node', 'yad', 'diff', '--url', url, ...words]);
      return log.mock.calls.map(([line]) => String(line)).join('\n');
    } finally {
      log.mockRestore();
    }
  };

  it('prints each change on a line, and the events that did it below', async () => {
    const lines = (await said('order', id, '--from', placed)).split('\n');
    expect(lines[0]).toMatch(new RegExp(`^from ${placed} \\(2.*\\) to ${BigInt(placed) + 2n} \\(2.*\\)$`));
    const at = lines.indexOf('/paid: "0" → "5"');
    expect(lines[at + 1]).toMatch(
      /^ {4}\d+ {2}2\S+Z {2}crm\.sales\.order\.payment-recorded {2}by \S+: "as \\"agreed\\""$/,
    );
    expect(lines).toContain('/status: "placed" → "confirmed"');
    expect(await said('order', id, '--from', placed, '--to', placed)).toContain('nothing differs');
  });

  it('gives the answer as it is with --json', async () => {
    const { data } = JSON.parse(await said('order', id, '--from', '0', '--to', placed, '--json'));
    expect(data.events).toMatchObject([{ position: placed, type: 'crm.sales.order.placed' }]);
  });

  it('says what is wrong', async () => {
    await expect(said('planet', id, '--from', '0')).rejects.toThrow(/'planet' is none of contact, .*customer/);
    await expect(said('order', 'A-1', '--from', '0')).rejects.toThrow(/not a lower-case uuid/);
    await expect(said('order', id, '--from', 'once')).rejects.toThrow(
      /^from is not the name of a snapshot that is kept$/,
    );
    await expect(said('order', newId(), '--from', '0')).rejects.toThrow(/had no event then/);
    await expect(said('order', id, '--from', '0', '--url', 'http://127.0.0.1:1')).rejects.toThrow(/does not answer/);
  });
});
