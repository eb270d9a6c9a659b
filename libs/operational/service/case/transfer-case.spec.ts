import { describe, it } from '@jest/globals';
import { caseTransferred } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { awaiting, done, fresh, inProgress, opened } from '#test/fixtures/cases.fixture.js';
import { transferCase } from './transfer-case.command.js';

describe('TransferCase', () => {
  it('makes the case new in the other queue', () =>
    specify(transferCase)
      .given(...inProgress, awaiting)
      .when({ queue: 'repairs' })
      .then(caseTransferred({ ...fresh, queue: 'repairs', previousQueue: 'returns', previousAssignee: 'lena' })));
  it('assigns it there when somebody is named', () =>
    specify(transferCase)
      .given(opened)
      .when({ queue: 'repairs', assignee: 'omid' })
      .then(
        caseTransferred({ ...fresh, queue: 'repairs', assignee: 'omid', status: 'assigned', previousQueue: 'returns' }),
      ));
  it('refuses the queue that it is in, which would only take it from its assignee', () =>
    specify(transferCase)
      .given(...inProgress)
      .when({ queue: 'returns' })
      .refused('another-queue'));
  it('refuses what is not open', () => {
    specify(transferCase).when({ queue: 'repairs' }).refused('case-exists');
    for (const past of done)
      specify(transferCase)
        .given(...past)
        .when({ queue: 'repairs' })
        .refused('case-is-open');
  });
});
