import { describe, it } from '@jest/globals';
import { casePriorityChanged } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { changePriority } from './change-priority.command.js';
import { done, fresh, opened } from '#test/fixtures/cases.fixture.js';

describe('ChangePriority', () => {
  it('changes it and says what it was', () =>
    specify(changePriority)
      .given(opened)
      .when({ priority: 'urgent', note: 'flood' })
      .then(casePriorityChanged({ ...fresh, priority: 'urgent', previousPriority: 'normal', note: 'flood' })));
  it('decides nothing for the same', () =>
    specify(changePriority).given(opened).when({ priority: 'normal' }).nothing());
  it('refuses what is not open', () => {
    specify(changePriority).when({ priority: 'low' }).refused('case-exists');
    for (const past of done)
      specify(changePriority)
        .given(...past)
        .when({ priority: 'low' })
        .refused('case-is-open');
  });
});
