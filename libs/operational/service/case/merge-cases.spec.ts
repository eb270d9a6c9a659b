import { describe, it } from '@jest/globals';
import { caseAbsorbed } from '#contracts/service/case.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#platform/kernel/specify.js';
import { as, closed, done, inProgress, merged, opened, otherId, rejected, resolved, specId } from './examples.js';
import { mergeCases } from './merge-cases.command.js';

const into = { into: otherId };

describe('MergeCases', () => {
  it('tells both', () =>
    specify(mergeCases)
      .given(opened)
      .where('into', ...inProgress)
      .when(into)
      .then(merged, at('into', caseAbsorbed({ ...as('in-progress'), merged: specId }))));
  it('merges into a closed case, which stays closed', () =>
    specify(mergeCases)
      .given(opened)
      .where('into', ...inProgress, resolved, closed)
      .when(into)
      .then(merged, at('into', caseAbsorbed({ ...as('closed'), merged: specId }))));
  it('refuses itself, nothing, a duplicate and a rejected case', () => {
    specify(mergeCases).given(opened).where('into', opened).when({ into: specId }).refused('another-case');
    specify(mergeCases).given(opened).when(into).refused('original-exists');
    specify(mergeCases).given(opened).where('into', opened, merged).when(into).refused('original-stands');
    specify(mergeCases).given(opened).where('into', opened, rejected).when(into).refused('original-stands');
  });
  it('refuses what is not open', () => {
    specify(mergeCases).where('into', opened).when(into).refused('case-exists');
    for (const past of done)
      specify(mergeCases)
        .given(...past)
        .where('into', opened)
        .when(into)
        .refused('case-is-open');
  });
});
