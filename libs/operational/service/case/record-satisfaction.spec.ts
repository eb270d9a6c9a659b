import { describe, it } from '@jest/globals';
import { caseSatisfactionRecorded } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, closed, inProgress, opened, rejected, resolved } from '#test/fixtures/cases.fixture.js';
import { recordSatisfaction } from './record-satisfaction.command.js';

const content = caseSatisfactionRecorded({ ...as('resolved'), score: 4 });

describe('RecordSatisfaction', () => {
  it('records the score; the last one counts', () => {
    specify(recordSatisfaction)
      .given(...inProgress, resolved)
      .when({ score: 4 })
      .then(content);
    specify(recordSatisfaction)
      .given(...inProgress, resolved, content, closed)
      .when({ score: 2, comment: 'It leaks again' })
      .then(caseSatisfactionRecorded({ ...as('closed'), score: 2, previousScore: 4, comment: 'It leaks again' }));
  });
  it('decides nothing for the same score', () =>
    specify(recordSatisfaction)
      .given(...inProgress, resolved, content)
      .when({ score: 4 })
      .nothing());
  it('refuses what is not resolved, and a score off the scale', () => {
    specify(recordSatisfaction).when({ score: 4 }).refused('case-exists');
    for (const past of [[opened], inProgress, [opened, rejected]]) {
      specify(recordSatisfaction)
        .given(...past)
        .when({ score: 4 })
        .refused('case-is-resolved');
    }
    specify(recordSatisfaction)
      .given(...inProgress, resolved)
      .when({ score: 6 })
      .invalid('/score');
    specify(recordSatisfaction)
      .given(...inProgress, resolved)
      .when({ score: 3.5 })
      .invalid('/score');
  });
});
