import { describe, it } from '@jest/globals';
import { contactRelated } from '#contracts/contacts/contact.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import { acme, archived, merged, otherId, sara, specId } from '#test/fixtures/contacts.fixture.js';
import { relateContacts } from './relate-contacts.command.js';

const related = (kind: 'works-at' | 'household' | 'parent-company', other: string, direction: 'to' | 'from') =>
  contactRelated({ kind, other, direction });
const worksAt = { kind: 'works-at', to: otherId };

describe('RelateContacts', () => {
  it('stores the relation with both', () =>
    specify(relateContacts)
      .given(sara)
      .where('to', acme)
      .when(worksAt)
      .then(related('works-at', otherId, 'to'), at('to', related('works-at', specId, 'from'))));
  it('decides nothing when they are related; a household has no direction', () => {
    specify(relateContacts)
      .given(sara, related('works-at', otherId, 'to'))
      .where('to', acme)
      .when(worksAt)
      .nothing();
    for (const direction of ['to', 'from'] as const) {
      specify(relateContacts)
        .given(sara, related('household', otherId, direction))
        .where('to', sara)
        .when({ kind: 'household', to: otherId })
        .nothing();
    }
  });
  it('refuses kinds that do not fit', () => {
    specify(relateContacts).given(acme).where('to', sara).when(worksAt).refused('relation-fits-kinds');
    specify(relateContacts).given(sara).where('to', sara).when(worksAt).refused('relation-fits-kinds');
    const parent = { kind: 'parent-company', to: otherId };
    specify(relateContacts).given(acme).where('to', sara).when(parent).refused('relation-fits-kinds');
  });
  it('refuses two companies to be the parent of each other', () =>
    specify(relateContacts)
      .given(acme, related('parent-company', otherId, 'from'))
      .where('to', acme)
      .when({ kind: 'parent-company', to: otherId })
      .refused('no-circle'));
  it('refuses itself, nobody, and an alias', () => {
    specify(relateContacts)
      .given(sara)
      .where('to', sara)
      .when({ kind: 'household', to: specId })
      .refused('another-contact');
    specify(relateContacts).given(sara).when(worksAt).refused('contact-exists');
    specify(relateContacts).given(sara).where('to', acme, merged).when(worksAt).refused('other-not-merged');
  });
  it('refuses what is not current', () => {
    specify(relateContacts).where('to', acme).when(worksAt).refused('contact-exists');
    specify(relateContacts).given(sara, archived).where('to', acme).when(worksAt).refused('contact-not-archived');
  });
});
