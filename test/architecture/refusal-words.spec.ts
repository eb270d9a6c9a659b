import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

// A rename of functions went through texts, too, and senders read that "this order assertExists already".

/** Words of a program in a text for people: `assertExists`, of a sentence of at least two words. */
export const programWords = (source: string): string[] =>
  [...source.matchAll(/'((?:[^'\\\n]|\\.)+ (?:[^'\\\n]|\\.)+)'|`((?:[^`\\]|\\.)+ (?:[^`\\]|\\.)+)`/g)]
    .map(([, plain, template]) => plain ?? template!.replaceAll(/\$\{[^}]*\}/g, ''))
    .filter((text) => /(?:^| )[a-z]+[A-Z]\w*(?: |$|[,.;:])/.test(text));

describe('texts that senders read', () => {
  it('are in words: no refusal and no summary names a function', () => {
    const files = readdirSync('libs/operational', { recursive: true, encoding: 'utf8' })
      .map((path) => join('libs/operational', path))
      .filter((path) => /\.(command|rules|resource|aggregate)\.ts$/.test(path));
    expect(files.length).toBeGreaterThan(50);
    const found = files.flatMap((file) => programWords(readFileSync(file, 'utf8')).map((text) => `${file}: ${text}`));
    expect(found).toEqual([]);
  });

  it('would find one', () => {
    expect(programWords(`rule('order-is-new', isNew, 'this order assertExists already');`)).toEqual([
      'this order assertExists already',
    ]);
    expect(programWords('throw new Error(`order ${id} mayBegin, or not`)')).toHaveLength(1);
    expect(programWords("rule('a', b, `contact ${into.mergedInto} is blocked`)")).toEqual([]);
  });
});
