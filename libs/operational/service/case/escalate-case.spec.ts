import { describe, it } from '@jest/globals';
import { caseEscalated } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, done, fresh, inProgress, opened } from '#test/fixtures/cases.fixture.js';
import { escalateCase } from './escalate-case.command.js';

const first = caseEscalated({ ...as('in-progress'), level: 1, to: 'head-of-service', reason: 'press' });

describe('EscalateCase', () => {
  it('raises the case level by level', () => {
    specify(escalateCase)
      .given(...inProgress)
      .when({ reason: 'press', to: 'head-of-service' })
      .then(first);
    specify(escalateCase)
      .given(...inProgress, first)
      .when({ reason: 'legal' })
      .then(caseEscalated({ ...as('in-progress'), level: 2, reason: 'legal' }));
    specify(escalateCase)
      .given(opened)
      .when({ reason: 'press' })
      .then(caseEscalated({ ...fresh, level: 1, reason: 'press' }));
  });
  it('refuses what is not open', () => {
    specify(escalateCase).when({ reason: 'press' }).refused('case-exists');
    for (const past of done)
      specify(escalateCase)
        .given(...past)
        .when({ reason: 'press' })
        .refused('case-is-open');
  });
});
