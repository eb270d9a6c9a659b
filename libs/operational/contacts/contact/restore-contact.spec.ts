import { describe, it } from '@jest/globals';
import { contactArchived, contactRestored } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { activated, archived, blocked, merged, sara } from '#test/fixtures/contacts.fixture.js';
import { restoreContact } from './restore-contact.command.js';

const restored = contactRestored({ status: 'identified', previousStatus: 'archived' });

describe('RestoreContact', () => {
  it('gives back the status of before', () => {
    specify(restoreContact).given(sara, archived).when({}).then(restored);
    specify(restoreContact)
      .given(sara, blocked, activated)
      .when({})
      .then(contactRestored({ status: 'active', previousStatus: 'blocked' }));
  });
  it('undoes one after the other', () => {
    const away = contactArchived({ reason: 'moved', status: 'archived', previousStatus: 'blocked' });
    const back = contactRestored({ status: 'blocked', previousStatus: 'archived' });
    specify(restoreContact).given(sara, blocked, away).when({}).then(back);
    specify(restoreContact)
      .given(sara, blocked, away, back)
      .when({})
      .then(contactRestored({ status: 'identified', previousStatus: 'blocked' }));
  });
  it('refuses what needs no restoring', () => {
    specify(restoreContact).given(sara).when({}).refused('contact-is-blocked-or-archived');
    specify(restoreContact).given(sara, archived, restored).when({}).refused('contact-is-blocked-or-archived');
    specify(restoreContact).when({}).refused('contact-exists');
    specify(restoreContact).given(sara, archived, merged).when({}).refused('contact-not-merged');
  });
});
