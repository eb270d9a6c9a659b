import { describe, it } from '@jest/globals';
import { contactTagged, contactUntagged } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { merged, sara } from '#test/fixtures/contacts.fixture.js';
import { untagContact } from './untag-contact.command.js';

const tagged = contactTagged({ added: ['vip', 'press'], tags: ['vip', 'press'] });

describe('UntagContact', () => {
  it('takes away what is there', () =>
    specify(untagContact)
      .given(sara, tagged)
      .when({ tags: ['VIP', 'unknown'] })
      .then(contactUntagged({ removed: ['vip'], tags: ['press'] })));
  it('decides nothing for what is not there', () =>
    specify(untagContact)
      .given(sara)
      .when({ tags: ['vip'] })
      .nothing());
  it('refuses what is not current', () => {
    specify(untagContact)
      .when({ tags: ['vip'] })
      .refused('contact-exists');
    specify(untagContact)
      .given(sara, tagged, merged)
      .when({ tags: ['vip'] })
      .refused('contact-not-merged');
  });
});
