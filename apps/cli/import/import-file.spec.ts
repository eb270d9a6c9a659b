import { createServer, type Server } from 'node:http';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { importFile } from './import-file.js';
import { commandsOf, Mapping } from './mapping.js';
import { ResumePoint } from './resume-point.js';

const mapping = Mapping.parse({
  name: 'shop',
  zone: 'Europe/London',
  groupBy: ['no'],
  inOrderBy: ['customer'],
  commands: [
    {
      command: 'RegisterContact',
      when: { customer: { empty: false } },
      key: { $column: 'customer' },
      input: { id: { $id: ['c', { $column: 'customer' }] } },
    },
    {
      command: 'RecordSale',
      when: { no: { matchesNot: '^C' } },
      key: { $column: 'no' },
      occurredAt: { $column: 'at', $as: 'instant' },
      input: {
        number: { $text: 'no. {no}' },
        contact: { $id: ['c', { $column: 'customer' }] },
        lines: { $each: { sku: { $column: 'sku' }, quantity: { $column: 'qty', $as: 'integer' } } },
      },
    },
  ],
});
const line = (number: number, cells: Record<string, string>) => ({
  number,
  cells: { customer: '', sku: 'a', qty: '1', ...cells },
});

describe('a mapping', () => {
  it('turns a group of lines into commands, in the zone of the file, absent where a cell is empty', () => {
    const at = '2011-07-01 10:00:00';
    const [register, sale] = commandsOf(mapping, undefined, [
      line(2, { no: '7', customer: '17', at }),
      line(3, { no: '7', customer: '17', at, sku: 'b', qty: '-2' }),
    ]);
    expect(sale).toMatchObject({
      command: 'RecordSale',
      occurredAt: '2011-07-01T09:00:00.000Z',
      input: {
        number: 'no. 7',
        contact: register!.input['id'],
        lines: [
          { sku: 'a', quantity: 1 },
          { sku: 'b', quantity: -2 },
        ],
      },
    });
    const walkIn = commandsOf(mapping, undefined, [line(4, { no: '8', at })]);
    expect(walkIn).toHaveLength(1);
    expect(walkIn[0]!.input).not.toHaveProperty('contact');
  });

  it.each([
    ['qty', { qty: '1.5' }, "column qty: '1.5' is not a whole number"],
    ['at', { at: '2011-02-30' }, 'is not a date and time'],
    ['at', { at: '2011-02-30T10:00:00Z' }, 'is not a date and time'],
    ['at', { at: 'yesterday' }, 'is not a date and time'],
  ])('names the column %s that it cannot read', (_column, cells, message) => {
    expect(() => commandsOf(mapping, undefined, [line(2, { no: '7', at: '2011-07-01', ...cells })])).toThrow(message);
  });
});

describe('the lines of a group', () => {
  const at = '2011-07-01';
  const group = [line(2, { no: '7', customer: '17', at }), line(3, { no: '7', customer: '18', at: '2011-07-02' })];

  it('must agree on what is said once', () => {
    expect(() => commandsOf(mapping, undefined, group)).toThrow(
      "column customer: is '17' and, in line 3 of the same group, '18'",
    );
    const same = group.map((each) => ({ ...each, cells: { ...each.cells, customer: '17' } }));
    expect(() => commandsOf(mapping, undefined, same)).toThrow('column at: ');
    const late = group.map((each, i) => ({ ...each, cells: { ...each.cells, at, customer: i === 0 ? '' : '18' } }));
    expect(() => commandsOf(mapping, undefined, late)).toThrow("column customer: is '' and, in line 3");
  });

  it('may differ where the mapping takes the first', () => {
    const [rule] = mapping.commands.slice(1);
    const lenient = {
      ...mapping,
      commands: [{ ...rule!, occurredAt: { $column: 'at', $as: 'instant', $first: true } }],
    };
    const same = group.map((each) => ({ ...each, cells: { ...each.cells, customer: '17' } }));
    expect(commandsOf(lenient, undefined, same)).toMatchObject([{ occurredAt: '2011-06-30T23:00:00.000Z' }]);
  });
});

/** Stands for operations: remembers keys, refuses what it is told to. */
class Operations {
  readonly seen = new Map<string, any>();
  requests = 0;
  refuse = (_item: any): string | undefined => undefined;
  failAfter = Infinity;
  private server!: Server;
  async start(): Promise<string> {
    this.server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        if (++this.requests > this.failAfter) return void response.writeHead(400).end('{"detail":"stopped"}');
        const outcomes = JSON.parse(body).items.map((item: any) => {
          const rule = this.refuse(item);
          if (rule) return { status: 409, problem: { rule, detail: 'refused' } };
          const repeated = this.seen.has(item.key);
          this.seen.set(item.key, item);
          return { status: 200, events: 1, repeated, position: String(this.seen.size) };
        });
        response.end(JSON.stringify({ outcomes }));
      });
    });
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('an import', () => {
  let folder: string;
  let operations: Operations;
  let url: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'yad-import-'));
    operations = new Operations();
    url = await operations.start();
  });
  afterEach(() => {
    operations.stop();
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, text: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const refusedFile = (): string => join(folder, 'refused.csv');
  const run = (file: string, more: object = {}) =>
    importFile({ file, mapping, url, refusedFile: refusedFile(), ...more });
  const header = 'no,at,customer,sku,qty\n';
  const many = (count: number): string =>
    header +
    Array.from({ length: count }, (_, i) => `${1000 + (i >> 1)},2011-07-01 10:00:00,${(i >> 1) % 7},s${i},1\n`).join(
      '',
    );

  it('groups lines also where another stands between them, sends each contact once, and repeats harmlessly', async () => {
    const text = `${header}1,2011-07-01,17,a,1\n2,2011-07-01,17,b,1\n1,2011-07-01,17,c,1\n`;
    const file = write('a.csv.gz', gzipSync(text));
    expect(await run(file)).toMatchObject({
      lines: 3,
      groups: 2,
      commands: 3,
      stored: 3,
      repeated: 0,
      refusedLines: 0,
    });
    expect([...operations.seen.values()].map(({ input }) => input.lines?.length)).toEqual([undefined, 1, 2]);
    expect(await run(file)).toMatchObject({ commands: 3, stored: 0, repeated: 3 });
    expect(existsSync(refusedFile())).toBe(false);
  });

  it('writes refused and broken rows with line and reason, and takes the rest', async () => {
    operations.refuse = ({ command, input }) => (input.number === 'no. 3' ? `${command}-refused` : undefined);
    const rows = [
      '1,2011-07-01,,a,1',
      '2,2011-07-01,,=cmd(),x',
      '3,2011-07-01,,c,1',
      '4,2011-07-01,d',
      '5,2011-07-01,,"e,1',
    ];
    const report = await run(write('a.csv', `${header}${rows.join('\n')}\n`));
    expect(report).toMatchObject({ stored: 1, refusedLines: 4 });
    const refused = readFileSync(refusedFile(), 'utf8').trim().split('\r\n');
    expect(refused[0]).toBe('line,reason,no,at,customer,sku,qty');
    expect(
      refused
        .slice(1)
        .map((row) => row.split(',')[0])
        .toSorted(),
    ).toEqual(['3', '4', '5', '6']);
    expect(refused.join('\n')).toContain("column qty: 'x' is not a whole number");
    expect(refused.join('\n')).toContain("'=cmd()");
    expect(refused.join('\n')).toContain('RecordSale-refused');
  });

  it('goes on where it was stopped, and from the start on a server that does not have it', async () => {
    const file = write('b.csv', many(20_000));
    const resume = new ResumePoint(folder, file, 'mapping', url);
    operations.failAfter = 8;
    let saved: unknown;
    const save = resume.save.bind(resume);
    const now = Date.now;
    // A point is saved each second; here each look at the clock is one.
    let tick = 0;
    Date.now = () => now() + tick++ * 1001;
    try {
      resume.save = async (point) => {
        saved = point;
        await save(point);
      };
      await expect(run(file, { resume })).rejects.toThrow('refused the batch');
    } finally {
      Date.now = now;
    }
    expect(saved).toMatchObject({ line: expect.any(Number) });
    operations.failAfter = Infinity;
    const again = await run(file, { resume });
    expect(again.resumedAt).toBeGreaterThan(1);
    expect([...operations.seen.values()].filter(({ command }) => command === 'RecordSale')).toHaveLength(10_000);
    expect(await resume.load()).toBeUndefined();

    await save(saved as any);
    operations.seen.clear();
    const fresh = await run(file, { resume });
    expect(fresh.resumedAt).toBeUndefined();
    expect([...operations.seen.values()].filter(({ command }) => command === 'RecordSale')).toHaveLength(10_000);
  });

  it('says what is wrong with a file that has no lines', async () => {
    await expect(run(write('empty.csv', ''))).rejects.toThrow('is empty');
  });
});
