import { describe, it } from '@jest/globals';
import { contactMerged, contactRegistered } from '#contracts/contacts/contact.events.js';
import { caseOpened } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { customer, fresh, opened, otherId, specId } from '#test/fixtures/cases.fixture.js';
import { openCase } from './open-case.command.js';

const known = contactRegistered({ kind: 'person', status: 'identified', stage: 'lead' });
const { status: _status, openedAt: _openedAt, ...asked } = { ...fresh, title: 'The teapot leaks' };

describe('OpenCase', () => {
  it('opens a case for a contact', () => specify(openCase).where('contact', known).when(asked).then(opened));
  it('opens one that nobody has asked for, at normal priority', () => {
    const incident = { kind: 'incident' as const, channel: 'web' as const, title: 'The shop is down' };
    specify(openCase)
      .when({ id: specId, ...incident })
      .then(caseOpened({ ...incident, priority: 'normal', status: 'new', openedAt: fresh.openedAt }));
  });
  it('opens it at the business time', () =>
    specify(openCase)
      .where('contact', known)
      .on('2011-12-09T12:50:00+01:00')
      .when(asked)
      .then(caseOpened({ ...fresh, title: 'The teapot leaks', openedAt: '2011-12-09T11:50:00.000Z' })));
  it('takes an alias for the contact: facts stay under whom they happened to', () => {
    const alias = contactMerged({ into: otherId, previousStatus: 'identified' });
    specify(openCase).where('contact', known, alias).when(asked).then(opened);
  });
  it('refuses a contact that does not exist, and a case that does', () => {
    specify(openCase)
      .when({ ...asked, contact: customer })
      .refused('contact-exists');
    specify(openCase).given(opened).where('contact', known).when(asked).refused('case-is-new');
  });
  it('names the place of bad input', () => {
    specify(openCase)
      .when({ ...asked, title: ' ' })
      .invalid('/title');
    specify(openCase)
      .when({ ...asked, kind: 'wish' })
      .invalid('/kind');
    specify(openCase)
      .when({ ...asked, priority: 1 })
      .invalid('/priority');
    specify(openCase)
      .when({ ...asked, channel: undefined })
      .invalid('/channel');
    specify(openCase)
      .when({ ...asked, queue: 'Mr Smith only' })
      .invalid('/queue');
  });
});
