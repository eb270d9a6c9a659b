import { describe, it } from '@jest/globals';
import { contactTagged } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { archived, sara } from '#test/fixtures/contacts.fixture.js';
import { tagContact } from './tag-contact.command.js';

const vip = contactTagged({ added: ['vip'], tags: ['vip'] });

describe('TagContact', () => {
  it('adds what is new', () => {
    specify(tagContact)
      .given(sara)
      .when({ tags: ['VIP', 'vip'] })
      .then(vip);
    specify(tagContact)
      .given(sara, vip)
      .when({ tags: ['vip', 'press'] })
      .then(contactTagged({ added: ['press'], tags: ['vip', 'press'] }));
  });
  it('decides nothing for the same tag again', () =>
    specify(tagContact)
      .given(sara, vip)
      .when({ tags: ['vip'] })
      .nothing());
  it('refuses what is not current, and the tag too many', () => {
    specify(tagContact)
      .when({ tags: ['vip'] })
      .refused('contact-exists');
    specify(tagContact)
      .given(sara, archived)
      .when({ tags: ['vip'] })
      .refused('contact-not-archived');
    const tags = Array.from({ length: 100 }, (_, n) => `t${n}`);
    specify(tagContact).given(sara, vip).when({ tags }).refused('tags-within-limit');
    specify(tagContact).given(sara).when({ tags: [] }).invalid('/tags');
  });
});
