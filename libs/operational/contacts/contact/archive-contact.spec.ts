import { describe, it } from '@jest/globals';
import { contactArchived } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { archiveContact } from './archive-contact.command.js';
import { archived, blocked, merged, sara } from '#test/fixtures/contacts.fixture.js';

const when = { reason: 'moved' };

describe('ArchiveContact', () => {
  it('archives, also what is blocked', () => {
    specify(archiveContact).given(sara).when(when).then(archived);
    const away = contactArchived({ reason: 'moved', status: 'archived', previousStatus: 'blocked' });
    specify(archiveContact).given(sara, blocked).when(when).then(away);
  });
  it('decides nothing for what is archived', () => specify(archiveContact).given(sara, archived).when(when).nothing());
  it('refuses what does not exist or is an alias', () => {
    specify(archiveContact).when(when).refused('contact-exists');
    specify(archiveContact).given(sara, merged).when(when).refused('contact-not-merged');
  });
});
