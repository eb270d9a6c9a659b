import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';

// Documents that lead nowhere are worse than none.

const skipped = /(^|\/)(node_modules|dist|\.git|\.kafka|\.data|\.yad)(\/|$)/;
const documents = readdirSync('.', { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.md') && !skipped.test(path),
);
const textOf = (file: string): string => readFileSync(file, 'utf8').replace(/^```[^`]*^```$/gms, '');

describe('the documents', () => {
  it('are there', () => {
    for (const file of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/ARCHITECTURE.md', 'docs/GLOSSARY.md']) {
      expect(documents).toContain(file);
    }
  });

  it('link to what is there', () => {
    const broken = documents.flatMap((file) =>
      [...textOf(file).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link]) => link!.replace(/#.*$/, ''))
        .filter((link) => link !== '' && !/^[a-z]+:/.test(link))
        .filter((link) => !existsSync(normalize(join(dirname(file), link))))
        .map((link) => `${file}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('name files and folders that are there', () => {
    const named = /`((?:apps|libs|test|docs|infra|tools|\.ci)\/[\w./-]*\w)(?:[:#][^`]*)?`/g;
    const broken = documents
      // What changed tells of what was, too.
      .filter((file) => file !== 'CHANGELOG.md')
      .flatMap((file) =>
        [...textOf(file).matchAll(named)]
          .filter(([, path]) => !existsSync(path!))
          .map(([, path]) => `${file}: ${path}`),
      );
    expect(broken).toEqual([]);
  });

  it('list every decision with its status', () => {
    const index = readFileSync('docs/adr/README.md', 'utf8');
    const decisions = readdirSync('docs/adr').filter((file) => /^\d{4}-/.test(file));
    expect(
      decisions.filter((file) => !new RegExp(`\\(${file}\\) \\| \\d{4}-\\d\\d-\\d\\d \\| \\w`).test(index)),
    ).toEqual([]);
    const numbers = decisions.map((file) => Number(file.slice(0, 4)));
    expect(numbers).toEqual([...new Set(numbers)]);
    const misnumbered = decisions.filter(
      (file) => !readFileSync(join('docs/adr', file), 'utf8').startsWith(`# ${Number(file.slice(0, 4))}. `),
    );
    expect(misnumbered).toEqual([]);
  });

  it('are kept in git, and nothing that is made is', () => {
    if (!existsSync('.git')) return;
    const kept = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n');
    expect(kept.filter((path) => skipped.test(path))).toEqual([]);
  });
});
