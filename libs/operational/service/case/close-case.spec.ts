import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { closeCase } from './close-case.command.js';
import { closed, inProgress, merged, opened, rejected, resolved } from '#test/fixtures/cases.fixture.js';

describe('CloseCase', () => {
  it('closes what is resolved, and says when that was', () =>
    specify(closeCase)
      .given(...inProgress, resolved)
      .when({})
      .then(closed));
  it('decides nothing for a closed case', () =>
    specify(closeCase)
      .given(...inProgress, resolved, closed)
      .when({})
      .nothing());
  it('refuses what is not resolved', () => {
    specify(closeCase).when({}).refused('case-exists');
    for (const past of [[opened], inProgress, [opened, rejected], [opened, merged]]) {
      specify(closeCase)
        .given(...past)
        .when({})
        .refused('case-is-resolved');
    }
  });
});
