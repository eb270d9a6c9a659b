import { describe, it } from '@jest/globals';
import { contactRelated, contactUnrelated } from '#contracts/contacts/contact.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import { acme, merged, otherId, sara, specId } from '#test/fixtures/contacts.fixture.js';
import { unrelateContacts } from './unrelate-contacts.command.js';

const worksAt = { kind: 'works-at' as const, other: otherId, direction: 'to' as const };
const when = { kind: 'works-at', to: otherId };

describe('UnrelateContacts', () => {
  it('ends the relation with both', () =>
    specify(unrelateContacts)
      .given(sara, contactRelated(worksAt))
      .where('to', acme)
      .when(when)
      .then(contactUnrelated(worksAt), at('to', contactUnrelated({ ...worksAt, other: specId, direction: 'from' }))));
  it('ends a household from either side', () => {
    const home = { kind: 'household' as const, other: otherId, direction: 'from' as const };
    specify(unrelateContacts)
      .given(sara, contactRelated(home))
      .where('to', sara)
      .when({ kind: 'household', to: otherId })
      .then(contactUnrelated(home), at('to', contactUnrelated({ ...home, other: specId, direction: 'to' })));
  });
  it('decides nothing for those that are not related', () =>
    specify(unrelateContacts).given(sara).where('to', acme).when(when).nothing());
  it('refuses what is not current', () => {
    specify(unrelateContacts).where('to', acme).when(when).refused('contact-exists');
    specify(unrelateContacts).given(sara, merged).where('to', acme).when(when).refused('contact-not-merged');
  });
});
