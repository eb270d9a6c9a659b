import { describe, it } from '@jest/globals';
import { caseClassified } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { classifyCase } from './classify-case.command.js';
import { done, fresh, opened } from '#test/fixtures/cases.fixture.js';

const leaks = caseClassified({ ...fresh, category: 'leak', previousKind: 'complaint' });

describe('ClassifyCase', () => {
  it('says kind and category, and what they were', () => {
    specify(classifyCase).given(opened).when({ category: 'leak' }).then(leaks);
    specify(classifyCase)
      .given(opened, leaks)
      .when({ kind: 'return', category: null })
      .then(caseClassified({ ...fresh, kind: 'return', previousKind: 'complaint', previousCategory: 'leak' }));
  });
  it('decides nothing when nothing changes', () => {
    specify(classifyCase).given(opened, leaks).when({ kind: 'complaint', category: 'leak' }).nothing();
    specify(classifyCase).given(opened).when({}).nothing();
  });
  it('refuses what is not open', () => {
    specify(classifyCase).when({ kind: 'return' }).refused('case-exists');
    for (const past of done)
      specify(classifyCase)
        .given(...past)
        .when({ kind: 'return' })
        .refused('case-is-open');
  });
});
