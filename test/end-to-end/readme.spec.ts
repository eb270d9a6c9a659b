import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSystem, type System } from '../support/system.js';

// What README.md shows is run as it stands there, and what it says comes out is held against what does.

const run = promisify(execFile);
const readme = readFileSync('README.md', 'utf8');

/** The code blocks under a heading, by language. */
function blocksUnder(heading: string): { language: string; code: string }[] {
  const [, after] = readme.split(`\n## ${heading}\n`);
  if (after === undefined) throw new Error(`README.md has no heading '${heading}'`);
  const section = after.split('\n## ')[0]!;
  return [...section.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }));
}

/** JSON as a README has it: `…` stands for more of what is there. */
const shownJson = (code: string): unknown => JSON.parse(code.replace(/,?\s*…/g, ''));

/**
 * What is shown, with what differs from run to run by its form alone: instants and tokens. Lists may have more than is shown, where
 * the README says so; objects too.
 */
function likeShown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(likeShown);
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) {
    return expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
  if (typeof value === 'string' && value.startsWith('at_')) return expect.stringMatching(/^at_[\w-]{40,}$/);
  if (typeof value !== 'object' || value === null) return value;
  return expect.objectContaining(
    Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, likeShown(inner)])),
  );
}

describe('README.md', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  }, 60_000);
  afterAll(() => system?.stop());

  const shell = async (code: string): Promise<unknown> => {
    const here = code.replaceAll('http://localhost:3000', system.url);
    expect(here).not.toBe(code);
    const { stdout } = await run('sh', ['-c', here]);
    return JSON.parse(stdout);
  };

  it.each(['A first command …', '… and a first query'])('%s gives what it says', async (heading) => {
    const [command, answer, ...more] = blocksUnder(heading);
    expect([command!.language, answer!.language, more]).toEqual(['sh', 'json', []]);
    expect(await shell(command!.code)).toEqual(likeShown(shownJson(answer!.code)));
  });

  it('names scripts that package.json has, and words that the command line knows', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = [...readme.matchAll(/^npm (?:run )?(\w[\w:]*)/gm)].map(([, script]) => script!);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
    const words = new Set([...readme.matchAll(/^npx yad (\w[\w-]*)/gm)].map(([, word]) => word!));
    expect(words.size).toBeGreaterThan(3);
    const cli = readdirSync('apps/cli', { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.command.ts'))
      .map((path) => readFileSync(join('apps/cli', path), 'utf8'))
      .join('');
    expect([...words].filter((word) => !new RegExp(`ommand\\('${word}\\b`).test(cli))).toEqual([]);
  });
});
