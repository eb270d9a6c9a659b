import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

// A rename of functions went through texts, too, and senders read that "this order assertExists already".

/** The texts of a source, of at least two words, that name a function: `assertExists`, and no field of an input. */
function programWords(source: string, isFunction: (name: string) => boolean): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const text = ts.isStringLiteralLike(node)
      ? node.text
      : ts.isTemplateExpression(node)
        ? [node.head, ...node.templateSpans.map(({ literal }) => literal)].map((part) => part.text).join('…')
        : '';
    const names = text.includes(' ') ? (text.match(/\b[a-z]+[A-Z]\w*/g) ?? []) : [];
    if (names.some(isFunction)) found.push(text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest));
  return found;
}

describe('texts that senders read', () => {
  it('are in words: no refusal and no summary names a function', () => {
    const files = readdirSync('libs/operational', { recursive: true, encoding: 'utf8' })
      .map((path) => join('libs/operational', path))
      .filter((path) => /\.(command|rules|resource|aggregate)\.ts$/.test(path));
    expect(files.length).toBeGreaterThan(50);
    const sources = files.map((file) => ({ file, source: readFileSync(file, 'utf8') }));
    const called = new Set(sources.flatMap(({ source }) => source.match(/\b\w+(?=\()/g) ?? []));
    expect(called.has('assertExists')).toBe(true);
    const found = sources.flatMap(({ file, source }) =>
      programWords(source, (name) => called.has(name)).map((text) => `${file}: ${text}`),
    );
    expect(found).toEqual([]);
  });

  it('would find one', () => {
    const isFunction = (name: string): boolean => name !== 'unitPrice';
    const texts = "rule('a', b, 'this order assertExists already'); rule('a', b, `the ${x.y} mayBegin, or not`)";
    expect(programWords(texts, isFunction)).toEqual(['this order assertExists already', 'the … mayBegin, or not']);
    expect(programWords("rule('a', b, `a line of ${into.mergedInto} needs its unitPrice`)", isFunction)).toEqual([]);
  });
});
