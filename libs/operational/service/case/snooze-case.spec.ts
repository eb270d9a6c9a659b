import { describe, it } from '@jest/globals';
import { caseSnoozed } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { as, done, inProgress, opened, snoozed, until } from '#test/fixtures/cases.fixture.js';
import { snoozeCase } from './snooze-case.command.js';

const when = { until, zone: 'Europe/London' };

describe('SnoozeCase', () => {
  it('puts the case off, by an instant in any offset', () => {
    specify(snoozeCase)
      .given(...inProgress)
      .when(when)
      .then(snoozed);
    const tehran = { until: '2026-01-19T11:30:00+03:30', zone: 'Asia/Tehran' };
    specify(snoozeCase)
      .given(...inProgress, snoozed)
      .when(tehran)
      .then(caseSnoozed({ ...as('snoozed'), until, zone: 'Asia/Tehran' }));
  });
  it('decides nothing for the same instant again', () =>
    specify(snoozeCase)
      .given(...inProgress, snoozed)
      .when({ ...when, until: '2026-01-19T09:00:00+01:00' })
      .nothing());
  it('refuses an instant that is not ahead, a zone that is not known, a time without offset', () => {
    specify(snoozeCase)
      .given(...inProgress)
      .on('2026-01-19T08:00:00Z')
      .when(when)
      .refused('until-is-ahead');
    specify(snoozeCase)
      .given(...inProgress)
      .when({ ...when, zone: 'London' })
      .invalid('/zone');
    specify(snoozeCase)
      .given(...inProgress)
      .when({ ...when, until: '2026-01-19T08:00:00' })
      .invalid('/until');
  });
  it('refuses a case that nobody works on, and one that is not open', () => {
    specify(snoozeCase).when(when).refused('case-exists');
    specify(snoozeCase).given(opened).when(when).refused('case-is-assigned');
    for (const past of done)
      specify(snoozeCase)
        .given(...past)
        .when(when)
        .refused('case-is-open');
  });
});
