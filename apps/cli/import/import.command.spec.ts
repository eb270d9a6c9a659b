import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Command } from 'commander';
import { Operations } from '../../../test/support/operations.js';
import { addImportCommand } from './import.command.js';

const map = {
  name: 't',
  commands: [
    {
      command: 'RegisterContact',
      key: { $column: 'id' },
      input: { id: { $id: ['c', { $column: 'id' }] }, name: { full: { $column: 'name' } } },
    },
  ],
};

describe('yad import', () => {
  let folder: string;
  let operations: Operations;
  let url: string;
  let said: string;
  let mapText: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'yad-import-'));
    operations = new Operations();
    url = await operations.start();
    said = '';
    mapText = JSON.stringify(map);
    jest.spyOn(console, 'log').mockImplementation((text) => void (said += `${text}\n`));
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    operations.stop();
    rmSync(folder, { recursive: true });
  });

  /** Runs the command and gives its exit code, or rejects as the program would end with 1. */
  async function run(file: string, ...more: string[]): Promise<number> {
    const [path, mapPath] = [join(folder, 'people.csv'), join(folder, 'map.json')];
    writeFileSync(path, file);
    writeFileSync(mapPath, mapText);
    const program = new Command().exitOverride();
    addImportCommand(program);
    const before = process.exitCode;
    const refused = join(folder, 'refused.csv');
    try {
      process.exitCode = 0;
      const words = ['import', path, '--map', mapPath, '--url', url, '--refused', refused, ...more];
      await program.parseAsync(words, { from: 'user' });
      return process.exitCode;
    } finally {
      process.exitCode = before;
    }
  }

  it('ends with 0 where every row is stored or known', async () => {
    expect(await run('id,name\n1,Ann\n2,Bob\n')).toBe(0);
    expect(said).toContain('rows: 2 read, 2 stored, 0 known, 0 refused, 0 unread\n');
    expect(await run('id,name\n1,Ann\n2,Bob\n')).toBe(0);
    expect(said).toContain('rows: 2 read, 0 stored, 2 known, 0 refused, 0 unread\n');
  });

  it('ends with 2 where rows were refused, unless they are allowed', async () => {
    const file = `id,name\n1,Ann\n${'2,x,y\n'.repeat(8)}`;
    expect(await run(file)).toBe(2);
    expect(said).toContain('rows: 9 read, 1 stored, 0 known, 8 refused, 0 unread\n');
    expect(said).toContain(`8 lines refused: see ${join(folder, 'refused.csv')}`);
    expect(await run(file, '--allow-refused')).toBe(0);
  });

  it('fails, and says where, when not all was read; refused rows that are allowed do not change that', async () => {
    operations.failAfter = 1;
    const rows = Array.from({ length: 3000 }, (_, i) => `${i},N${i}\n`).join('');
    await expect(run(`id,name\n${rows}`, '--allow-refused')).rejects.toThrow(/reading stopped at line \d+/);
    expect(said).toMatch(/rows: \d+ read, 500 stored, 0 known, 0 refused, \d+ and all from line \d+ on unread\n/);
  });

  it('fails before the first row where the mapping does not fit', async () => {
    await expect(run('id,nam\n1,Ann\n')).rejects.toThrow('nothing was sent, for the mapping does not fit');
    await expect(run('id,name,id\n1,Ann,1\n')).rejects.toThrow('two columns have the name id');
    expect(operations.requests).toBe(0);
    expect(existsSync(join(folder, 'refused.csv'))).toBe(false);
  });

  it.each([
    ['a key twice', '{"name":"t","name":"u"', /"name"|\/name|twice/],
    ['an unknown key', '{"delimeter":";","name":"t"', /delimeter/],
    ['an unknown encoding', '{"encoding":"cp9999","name":"t"', /encoding: is no encoding/],
    ['a delimiter that is a quote', '{"delimiter":"\\"","name":"t"', /delimiter: is a quote or a line end/],
    ['a broken pattern', '{"name":"t"', /when\.id/],
  ])('fails before the first row where the mapping has %s', async (_what, beginning, message) => {
    const broken = { ...map.commands[0], when: { id: { matches: message.source.includes('when') ? '(' : '.' } } };
    mapText = `${beginning},"commands":${JSON.stringify([broken])}}`;
    await expect(run('id,name\n1,Ann\n')).rejects.toThrow(message);
    expect(operations.requests).toBe(0);
  });

  it('names the columns that the mapping makes no use of', async () => {
    await run('id,name,Country,Remark\n1,Ann,EIRE,x\n');
    expect(said).toContain('columns that the mapping makes no use of: Country, Remark\n');
  });

  it('tells its exit codes where help is asked for', async () => {
    let help = '';
    const program = new Command().exitOverride();
    addImportCommand(program);
    program.commands[0]!.configureOutput({ writeOut: (text) => void (help += text) }).exitOverride();
    await expect(program.parseAsync(['import', '--help'], { from: 'user' })).rejects.toThrow('outputHelp');
    expect(help).toMatch(/--allow-refused[^]*Exit code:\n {2}0 [^]*\n {2}2 [^]*\n {2}1 /);
  });
});
