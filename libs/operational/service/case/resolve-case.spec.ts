import { describe, it } from '@jest/globals';
import { caseResolved } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, assigned, awaiting, done, inProgress, opened, resolved, snoozed } from '#test/fixtures/cases.fixture.js';
import { resolveCase } from './resolve-case.command.js';

const when = { resolution: 'replaced' };

describe('ResolveCase', () => {
  it('resolves, also what waits', () => {
    specify(resolveCase)
      .given(...inProgress)
      .when(when)
      .then(resolved);
    specify(resolveCase)
      .given(...inProgress, awaiting)
      .when(when)
      .then(resolved);
    specify(resolveCase)
      .given(...inProgress, snoozed)
      .when(when)
      .then(resolved);
  });
  it('tells that nobody ever answered', () =>
    specify(resolveCase)
      .given(opened, assigned)
      .when({ ...when, text: 'Came back by itself' })
      .then(caseResolved({ ...as('resolved'), resolution: 'replaced', reopenings: 0, text: 'Came back by itself' })));
  it('refuses a case that nobody works on, and one that is not open', () => {
    specify(resolveCase).when(when).refused('case-exists');
    specify(resolveCase).given(opened).when(when).refused('case-is-assigned');
    for (const past of done)
      specify(resolveCase)
        .given(...past)
        .when(when)
        .refused('case-is-open');
    specify(resolveCase)
      .given(...inProgress)
      .when({})
      .invalid('/resolution');
  });
});
