import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { commands } from '#operational/index.js';
import { SecretIds } from '#platform/kernel/ids.js';
import { Operations } from '../../../test/support/operations.js';
import { mappingProblems } from './check-mapping.js';
import { ImportStopped, importFile } from './import-file.js';
import { addIdWords, commandsOf, Mapping, type SourceLine } from './mapping.js';
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
const people = {
  name: 't',
  commands: [
    {
      command: 'RegisterContact',
      key: { $column: 'id' },
      input: { id: { $id: ['c', { $column: 'id' }] }, name: { full: { $column: 'name' } } },
    },
  ],
};
const line = (number: number, cells: Record<string, string>) => ({
  number,
  cells: { customer: '', sku: 'a', qty: '1', ...cells },
});

/** The commands of lines, with ids of some log. */
function mapped(by: Mapping, lines: readonly SourceLine[]) {
  const words = new Set<string>();
  addIdWords(by, lines, words);
  const ids = new SecretIds(Buffer.alloc(32));
  return commandsOf(by, undefined, lines, new Map([...words].map((list) => [list, ids.id(...JSON.parse(list))])));
}

describe('a mapping', () => {
  it('turns a group of lines into commands, in the zone of the file, absent where a cell is empty', () => {
    const at = '2011-07-01 10:00:00';
    const [register, sale] = mapped(mapping, [
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
    const walkIn = mapped(mapping, [line(4, { no: '8', at })]);
    expect(walkIn).toHaveLength(1);
    expect(walkIn[0]!.input).not.toHaveProperty('contact');
  });

  it.each([
    ['qty', { qty: '1.5' }, "column qty: '1.5' is not a whole number"],
    ['at', { at: '2011-02-30' }, 'is not a date and time'],
    ['at', { at: '2011-02-30T10:00:00Z' }, 'is not a date and time'],
    ['at', { at: 'yesterday' }, 'is not a date and time'],
  ])('names the column %s that it cannot read', (_column, cells, message) => {
    expect(() => mapped(mapping, [line(2, { no: '7', at: '2011-07-01', ...cells })])).toThrow(message);
  });
});

describe('an empty cell', () => {
  const contacts = Mapping.parse({
    name: 'people',
    commands: [
      {
        command: 'RegisterContact',
        key: { $column: 'id' },
        input: {
          name: { full: { $column: 'name' } },
          points: [
            { reach: { kind: 'phone', number: { $column: 'phone' } }, label: 'work' },
            { reach: { kind: 'email', address: { $column: 'mail' } } },
          ],
          tags: ['imported', { $column: 'tag' }],
          owner: { $column: 'owner', $default: 'sara' },
        },
      },
    ],
  });
  const inputOf = (cells: Record<string, string>) =>
    mapped(contacts, [
      { number: 2, cells: { id: '1', name: '', phone: '', mail: '', tag: '', owner: '', ...cells } },
    ])[0]!.input;

  it('is absent, with the object and the list that it was the sense of', () => {
    expect(inputOf({ name: ' Ann ', mail: 'ann@example.com' })).toEqual({
      name: { full: 'Ann' },
      points: [{ reach: { kind: 'email', address: 'ann@example.com' } }],
      tags: ['imported'],
      owner: 'sara',
    });
    expect(inputOf({ phone: ' ' })).toEqual({ tags: ['imported'], owner: 'sara' });
  });
  it('leaves a line of a group in its place', () => {
    const lines = { $each: { sku: { $column: 'sku' } } };
    const orders = { ...mapping, commands: [{ ...mapping.commands[1]!, occurredAt: undefined, input: { lines } }] };
    const [sale] = mapped(orders, [line(2, { no: '7', sku: '' }), line(3, { no: '7', sku: 'b' })]);
    expect(sale!.input).toEqual({ lines: [{}, { sku: 'b' }] });
  });
});

describe('the lines of a group', () => {
  const at = '2011-07-01';
  const group = [line(2, { no: '7', customer: '17', at }), line(3, { no: '7', customer: '18', at: '2011-07-02' })];

  it('must agree on what is said once', () => {
    expect(() => mapped(mapping, group)).toThrow("column customer: is '17' and, in line 3 of the same group, '18'");
    const same = group.map((each) => ({ ...each, cells: { ...each.cells, customer: '17' } }));
    expect(() => mapped(mapping, same)).toThrow('column at: ');
    const late = group.map((each, i) => ({ ...each, cells: { ...each.cells, at, customer: i === 0 ? '' : '18' } }));
    expect(() => mapped(mapping, late)).toThrow("column customer: is '' and, in line 3");
  });

  it('must agree on whether a command is for them', () => {
    const mixed = [line(2, { no: '7', at }), line(3, { no: 'C7', at })];
    expect(() => mapped(mapping, mixed)).toThrow("column no: is '7' and, in line 3 of the same group, 'C7'");
  });

  it('may differ where the mapping takes the first', () => {
    const [rule] = mapping.commands.slice(1);
    const lenient = {
      ...mapping,
      commands: [{ ...rule!, occurredAt: { $column: 'at', $as: 'instant', $first: true } }],
    };
    const same = group.map((each) => ({ ...each, cells: { ...each.cells, customer: '17' } }));
    expect(mapped(lenient, same)).toMatchObject([{ occurredAt: '2011-06-30T23:00:00.000Z' }]);
  });
});

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
  /** Line and reason of each refused row. */
  const refusals = (): Record<string, string> => {
    if (!existsSync(refusedFile())) return {};
    const rows: string[][] = parse(readFileSync(refusedFile()), { relax_column_count: true, from: 2 });
    return Object.fromEntries(rows.map(([number, reason]) => [number, reason]));
  };
  /** Runs the mapping of a contact to a row. */
  const contacts = (text: string | Buffer, more: Partial<Mapping> = {}) =>
    run(write('contacts.csv', text), { mapping: Mapping.parse({ ...people, ...more }) });
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

  /** Groups that are sent before the file is at its end, and read in many pieces. */
  const small = { mapping: { ...mapping, groupWithin: 100 }, chunkBytes: 8192 };

  it('goes on where it was stopped, and from the start on a server that does not have it', async () => {
    const file = write('b.csv', many(6000));
    const resume = new ResumePoint(folder, file, 'mapping', url);
    operations.failAfter = 4;
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
      await expect(run(file, { resume, ...small })).rejects.toThrow('refused the batch');
    } finally {
      Date.now = now;
    }
    expect(saved).toMatchObject({ line: expect.any(Number) });
    operations.failAfter = Infinity;
    const again = await run(file, { resume, ...small });
    expect(again.resumedAt).toBeGreaterThan(1);
    expect([...operations.seen.values()].filter(({ command }) => command === 'RecordSale')).toHaveLength(3000);
    expect(await resume.load()).toBeUndefined();

    await save(saved as any);
    operations.seen.clear();
    const fresh = await run(file, { resume, ...small });
    expect(fresh.resumedAt).toBeUndefined();
    expect([...operations.seen.values()].filter(({ command }) => command === 'RecordSale')).toHaveLength(3000);
  });

  it('says what is wrong with a file that has no lines', async () => {
    await expect(run(write('empty.csv', ''))).rejects.toThrow('is empty');
  });

  it('has the ids made by the server, and asks for none where the mapping makes none', async () => {
    const { rows } = await contacts('id,name\n1,Ann\n2,Bob\n');
    expect(rows.stored).toBe(2);
    const made = ['1', '2'].map((id) => operations.ids.id('t', 'c', id));
    expect(operations.inputs('RegisterContact').map(({ id }) => id)).toEqual(made);
    const requests = operations.requests - operations.batches;
    expect(requests).toBe(1);
    const [{ input: _input, ...rule }] = people.commands as [(typeof people.commands)[0]];
    await contacts('id,name\n3,Eve\n', { commands: [{ ...rule, input: { name: { full: 'Eve' } } }] } as any);
    expect(operations.requests - operations.batches).toBe(requests);
  });

  it('refuses the row whose natural key is too long for an id, and imports the rest', async () => {
    const { rows } = await contacts(`id,name\n1,Ann\n${'2'.repeat(1001)},Bob\n3,Eve\n`);
    expect(rows).toEqual({ read: 3, stored: 2, known: 0, refused: 1 });
    expect(refusals()).toEqual({
      3: 'column {"$id":["c",{"$column":"id"}]}: word 2 is longer than 1000 characters',
    });
  });

  it('makes an id for each line of a group, and none where a cell of it is empty', async () => {
    const each = { sku: { $id: ['sku', { $column: 'sku' }] }, quantity: 1 };
    const rule = { ...mapping.commands[1]!, input: { lines: { $each: each } } };
    const rows = '1,2011-07-01,,a,1\n1,2011-07-01,,b,1\n1,2011-07-01,,,1\n';
    await run(write('each.csv', `${header}${rows}`), { mapping: { ...mapping, commands: [rule] } });
    const id = (sku: string): string => operations.ids.id('shop', 'sku', sku);
    expect(operations.inputs('RecordSale')).toEqual([
      { lines: [{ sku: id('a'), quantity: 1 }, { sku: id('b'), quantity: 1 }, {}] },
    ]);
  });

  it('drops no row at the border of a batch', async () => {
    const count = 6000;
    const rows = Array.from({ length: count }, (_, i) => `${i + 1},N${i + 1}\n`);
    const report = await contacts(`id,name\n${rows.join('')}`);
    expect(report.rows).toEqual({ read: count, stored: count, known: 0, refused: 0 });
    expect(operations.inputs('RegisterContact').map(({ name }) => name.full)).toEqual(rows.map((_, i) => `N${i + 1}`));
  });

  it('refuses a record that is too large and imports the rest', async () => {
    const report = await contacts(`id,name\n37,${'x'.repeat(1_200_000)}\n38,Bob\n`);
    expect(report.rows).toEqual({ read: 2, stored: 1, known: 0, refused: 1 });
    expect(refusals()).toEqual({ 2: 'is larger than 1000000 characters' });
  });

  it('refuses the line in which a quote is opened and never closed, and imports the rest', async () => {
    // More than a record may have, so that it is not the end of the file that tells.
    const count = 12_000;
    const name = 'N'.repeat(100);
    const rows = Array.from({ length: count }, (_, i) => (i === 1 ? '2,"open' : `${i + 1},${name}`));
    const report = await contacts(`id,name\n${rows.join('\n')}\n`);
    expect(report.rows).toEqual({ read: count, stored: count - 1, known: 0, refused: 1 });
    expect(refusals()['3']).toMatch(/quoted cell is opened in column 2/);
  });

  it.each<[string, Buffer, string | undefined]>([
    ['windows-1252', Buffer.from('id,name\n1,Fran\xe7ois\n2,Bob\n', 'latin1'), 'François'],
    ['windows-1256', Buffer.from('id,name\n1,\xda\xe1\xed\n2,Bob\n', 'latin1'), 'علي'],
    ['gbk', Buffer.from('id,name\n1,\xcd\xf5\xce\xb0\n2,Bob\n', 'latin1'), '王伟'],
  ])(
    'refuses bytes that are not utf-8, and takes them for what they are where the mapping says %s',
    async (encoding, bytes, name) => {
      expect((await contacts(bytes)).rows).toEqual({ read: 2, stored: 1, known: 0, refused: 1 });
      expect(refusals()).toEqual({ 2: 'holds bytes that are not utf-8' });
      expect((await contacts(bytes, { encoding })).rows).toEqual({ read: 2, stored: 1, known: 1, refused: 0 });
      expect(operations.inputs('RegisterContact').map((input) => input.name.full)).toEqual(['Bob', name]);
    },
  );

  it('sends nothing of a file in UTF-16 that nobody has called so, and all of it otherwise', async () => {
    const text = 'id,name\n1,Zoë\n';
    const big = Buffer.from(text, 'utf16le').swap16();
    await expect(contacts(big)).rejects.toThrow('the file has no column "id"');
    expect(operations.requests).toBe(0);
    expect((await contacts(big, { encoding: 'utf-16be' })).rows.stored).toBe(1);
    expect((await contacts(Buffer.from(`\ufeff${text}`, 'utf16le'))).rows.known).toBe(1);
    expect((await contacts(Buffer.from(`\ufeff${text}`))).rows.known).toBe(1);
  });

  it('groups what differs only in white space, for it has one key', async () => {
    const rows = [
      '1001,2011-07-01,17,a,10',
      '2002,2011-07-01,17,x,1',
      ' 1001 ,2011-07-01,17 ,b,5',
      '\u00a01001,2011-07-01,17,c,1',
    ];
    const report = await run(write('blank.csv', `${header}${rows.join('\n')}\n`));
    expect(report.rows).toEqual({ read: 4, stored: 4, known: 0, refused: 0 });
    expect(operations.inputs('RecordSale').map(({ lines }) => lines.map(({ sku }: any) => sku))).toEqual([
      ['x'],
      ['a', 'b', 'c'],
    ]);
  });

  it('refuses a row whose key came before with other content, and knows one that says the same', async () => {
    const report = await contacts('id,name\n50,Ann\n50,Bob Other\n50 ,Ann\n51,Eve\n');
    expect(report.rows).toEqual({ read: 4, stored: 2, known: 1, refused: 1 });
    expect(refusals()).toEqual({ 3: 'RegisterContact: the same natural key as line 2, with other content' });
    const changed = await contacts('id,name\n50,Anna\n51,Eve\n');
    expect(changed.rows).toEqual({ read: 2, stored: 0, known: 1, refused: 1 });
  });

  it('refuses a row with the one before that said the same', async () => {
    operations.refuse = ({ input }) => (input.name.full === 'Ann' ? 'not-her' : undefined);
    const report = await contacts('id,name\n50,Ann\n50,Ann\n');
    expect(report.rows).toEqual({ read: 2, stored: 0, known: 0, refused: 2 });
    expect(Object.keys(refusals())).toEqual(['2', '3']);
  });

  it('takes the word of the first row for all of a key where the mapping says so', async () => {
    const first = { $column: 'at', $as: 'instant', $first: true };
    const dated = { ...people.commands[0]!, occurredAt: first };
    const text = 'id,name,at\n50,Ann,2011-07-01\n50,Ann,2011-07-02\n';
    expect((await contacts(text, { commands: [dated] } as any)).rows).toMatchObject({ stored: 1, known: 1 });
    const next = 'id,name,at\n50,Ann,2011-08-01\n51,Bob,2011-08-02\n';
    expect((await contacts(next, { commands: [dated] } as any)).rows).toMatchObject({ stored: 1, known: 1 });
    expect([...operations.seen.values()].map(({ occurredAt }) => occurredAt.slice(0, 10))).toEqual([
      '2011-07-01',
      '2011-08-02',
    ]);
    operations.seen.clear();
    const strict = { ...dated, occurredAt: { ...first, $first: false } };
    expect((await contacts(text, { commands: [strict] } as any)).rows).toMatchObject({ stored: 1, refused: 1 });
  });

  it('refuses a row that no command is for', async () => {
    const some = { ...people.commands[0]!, when: { name: { matches: '^A' } } };
    const report = await contacts('id,name\n1,Ann\n2,Bob\n', { commands: [some] } as any);
    expect(report.rows).toEqual({ read: 2, stored: 1, known: 0, refused: 1 });
    expect(refusals()).toEqual({ 3: 'no command of the mapping is for it' });
  });

  it('refuses a file with two columns of one name', async () => {
    await expect(contacts('id,name,Email,Email \n1,Ann,a,b\n')).rejects.toThrow('two columns have the name Email');
    expect(operations.requests).toBe(0);
  });

  it.each<[string, object, string]>([
    ['a missing column', { input: { name: { full: { $column: 'nam' } } } }, 'has no column "nam"; it has "id", "name"'],
    ['a column missing in a text', { input: { name: { full: { $text: '{name} {nam}' } } } }, 'has no column "nam"'],
    ['a column missing in a condition', { when: { nam: { empty: true } } }, 'commands.0.when: the file has no column'],
    [
      'a typo in an expression',
      { key: { $colum: 'id' } },
      'commands.0.key: $colum is no expression; there are $column',
    ],
    ['a typo beside an expression', { key: { $column: 'id', $ass: 'text' } }, '$ass does not belong to $column'],
    ['an unknown kind', { key: { $column: 'id', $as: 'int' } }, '$as is "int"; there are text, integer'],
    ['a broken pattern', { key: { $column: 'id', $take: '(' } }, '$take is not a regular expression'],
    ['an unknown command', { command: 'RegisterContct' }, 'there is no command RegisterContct; there are '],
    ['an unknown field', { input: { nam: 'x' } }, 'input.nam: RegisterContact has no such field here; there are id'],
    [
      'an unknown field inside',
      { input: { points: [{ reach: { kind: 'phone', nmber: '1' } }] } },
      'points.0.reach.nmber',
    ],
    ['an id within an id', { input: { id: { $id: ['c', { $id: ['d'] }] } } }, 'input.id: $id is a list of words'],
    ['an id of too many words', { input: { id: { $id: Array(16).fill('c') } } }, '$id has more than 15 words'],
    ['no id of what is there already', { command: 'TagContact', input: { tag: 'x' } }, 'commands.0.id: is missing'],
  ])('sends nothing where the mapping has %s', async (_what, rule, message) => {
    const wrong = Mapping.parse({ ...people, commands: [{ ...people.commands[0]!, ...rule }] });
    const file = write('contacts.csv', 'id,name\n1,Ann\n');
    await expect(run(file, { mapping: wrong, commands })).rejects.toThrow(message);
    expect(operations.requests).toBe(0);
  });

  it.each([
    ['groupBy', { groupBy: ['nam'] }, 'groupBy: the file has no column "nam"'],
    ['inOrderBy', { inOrderBy: ['nam'] }, 'inOrderBy: the file has no column "nam"'],
  ])('sends nothing where %s names a column that is not there', async (_what, more, message) => {
    await expect(contacts('id,name\n1,Ann\n', more)).rejects.toThrow(message);
    expect(operations.requests).toBe(0);
  });

  it('knows the fields of every command that there is', () => {
    for (const { name, creates, input } of commands) {
      const field = Object.keys(input.shape)[0];
      const fields = { ...(field && { [field]: { $column: 'id' } }), unheardOf: 1 };
      const rule = { command: name, key: { $column: 'id' }, input: fields, ...(!creates && { id: { $column: 'id' } }) };
      const problems = mappingProblems(Mapping.parse({ name: 't', commands: [rule] }), { columns: ['id'], commands });
      expect(problems).toEqual([expect.stringMatching(`^commands.0.input.unheardOf: ${name} has no such field here`)]);
    }
  });

  it('has no fault to find in the mapping that ships, which uses every column', async () => {
    const text = readFileSync(new URL('../mappings/online-retail.map.json', import.meta.url), 'utf8');
    const columns = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
    const row = '1001,TEAPOT,A teapot,2,2011-01-05 10:00:00,12.50,17850.0,EIRE';
    let unused: string[] = [];
    await run(write('retail.csv', `${columns}\n${row}\n`), {
      mapping: Mapping.parse(JSON.parse(text)),
      commands,
      onUnused: (found: string[]) => (unused = found),
    });
    expect(unused).toEqual([]);
    expect(operations.inputs('RecordSale')).toMatchObject([
      { country: 'EIRE', lines: [{ sku: 'TEAPOT', description: 'A teapot' }] },
    ]);
  });

  it('names the line of a refused row, whatever line ends the header and the rows have', async () => {
    await contacts(Buffer.from('id,name\n1,Ann\r\n2\r\n3,"two\r\nlines"\r\n4\r\n\r\n5\r6,Eve\n7\n'));
    expect(Object.keys(refusals())).toEqual(['3', '6', '8', '10']);
  });

  it('refuses all lines of an invoice one of which is broken, so that the mended file can be sent again', async () => {
    const sound = (no: string, sku: string): string => `${no},2011-07-01,,${sku},1`;
    const rows = [sound('1', 'a'), sound('2', 'a'), '1,2011-07-01,b', sound('1', 'c'), sound('3', 'a')];
    const report = await run(write('broken.csv', `${header}${rows.join('\n')}\n`));
    expect(report.rows).toEqual({ read: 5, stored: 2, known: 0, refused: 3 });
    expect(refusals()).toMatchObject({
      2: 'line 4 is, or may be, of the same group, and cannot be read',
      4: '3 cells where the first line names 5 columns',
    });
    rows[2] = sound('1', 'b');
    const mended = await run(write('broken.csv', `${header}${rows.join('\n')}\n`));
    expect(mended.rows).toEqual({ read: 5, stored: 3, known: 2, refused: 0 });
    expect(operations.inputs('RecordSale').map(({ number, lines }) => [number, lines.length])).toEqual([
      ['no. 2', 1],
      ['no. 3', 1],
      ['no. 1', 3],
    ]);
  });

  it('refuses the invoices on both sides of a line that does not tell its own', async () => {
    const sound = (no: string, sku: string): string => `${no},2011-07-01,,${sku},1`;
    const rows = [sound('1', 'a'), sound('2', 'a'), '"2,2011', sound('3', 'b'), sound('4', 'a'), sound('2', 'b')];
    const report = await run(write('broken.csv', `${header}${rows.join('\n')}\n`));
    expect(report.rows).toEqual({ read: 6, stored: 2, known: 0, refused: 4 });
    expect(operations.inputs('RecordSale').map(({ number }) => number)).toEqual(['no. 1', 'no. 4']);
  });

  it('keeps the order of what belongs together also where the cells differ in white space', async () => {
    // Each customer's sale is refused unless the customer was there before it.
    const known = new Set<string>();
    operations.refuse = ({ command, input }) => {
      if (command === 'RegisterContact') known.add(input.id);
      return command === 'RecordSale' && !known.has(input.contact) ? 'contact-exists' : undefined;
    };
    const rows = Array.from({ length: 3000 }, (_, i) => `${i},2011-07-01,${' '.repeat(i % 5)}${i % 11},a,1\n`);
    const report = await run(write('order.csv', header + rows.join('')));
    expect(report.rows).toEqual({ read: 3000, stored: 3000, known: 0, refused: 0 });
  });

  it('says where it stopped and what has no answer when the server does', async () => {
    operations.failAfter = 2;
    const stopped = await run(write('b.csv', many(6000))).catch((error: unknown) => error);
    expect(stopped).toBeInstanceOf(ImportStopped);
    const { message, line: at, unread, report } = stopped as ImportStopped;
    expect(message).toMatch(
      /refused the batch.*: reading stopped at line \d+, what follows is unread; \d+ rows before it/,
    );
    const { read, stored, known, refused } = report.rows;
    expect({ at, unread }).toEqual({ at: expect.any(Number), unread: read - stored - known - refused });
    expect(unread).toBeGreaterThan(0);
    expect(refused).toBe(0);
  });

  it('says where it stopped when the compressed file is cut off', async () => {
    const whole = gzipSync(many(10_000));
    const stopped = await run(write('cut.csv.gz', whole.subarray(0, whole.length >> 1))).catch(
      (error: unknown) => error,
    );
    expect((stopped as Error).message).toMatch(/unexpected end of file: reading stopped at line \d+/);
  });

  it('sends again, in order, what the server could not take for now', async () => {
    let busy = 2;
    const known = new Set<string>();
    operations.busy = ({ command }) => (command === 'RegisterContact' && busy-- > 0 ? 503 : undefined);
    operations.refuse = ({ command, input }) => {
      if (command === 'RegisterContact') known.add(input.id);
      return command === 'RecordSale' && !known.has(input.contact) ? 'contact-exists' : undefined;
    };
    const report = await run(write('busy.csv', `${header}1,2011-07-01,17,a,1\n2,2011-07-01,17,b,1\n`));
    expect(report.rows).toEqual({ read: 2, stored: 2, known: 0, refused: 0 });
    expect(report).toMatchObject({ commands: 3, stored: 3, repeated: 0 });
  });

  it('refuses the row whose command is larger than what the server takes, and no other of its batch', async () => {
    operations.mostBytes = 2000;
    const report = await contacts(`id,name\n1,Ann\n2,${'x'.repeat(3000)}\n3,Bob\n${'4,Eve\n'.repeat(2)}`);
    expect(report.rows).toEqual({ read: 5, stored: 3, known: 1, refused: 1 });
    expect(refusals()).toEqual({ 3: 'RegisterContact: it is larger than what the server takes' });
  });

  it('tells again what an import refused that was stopped behind it', async () => {
    const rows = many(6000).split('\n');
    rows[1] = '1000,yesterday,0,s0,1';
    const file = write('b.csv', rows.join('\n'));
    const resume = new ResumePoint(folder, file, 'mapping', url);
    const now = Date.now;
    let tick = 0;
    Date.now = () => now() + tick++ * 1001;
    operations.failAfter = 4;
    try {
      await expect(run(file, { resume, ...small })).rejects.toThrow('refused the batch');
    } finally {
      Date.now = now;
    }
    expect(await resume.load()).toMatchObject({ line: 2 });
    operations.failAfter = Infinity;
    const again = await run(file, { resume, ...small });
    expect(again.rows).toMatchObject({ read: 6000, refused: 2 });
    expect(Object.keys(refusals())).toEqual(['2', '3']);
  });

  it('leaves nothing of an earlier refusal when all is well', async () => {
    await contacts('id,name\n1\n');
    expect(existsSync(refusedFile())).toBe(true);
    await contacts('id,name\n1,Ann\n');
    expect(existsSync(refusedFile())).toBe(false);
  });
});
