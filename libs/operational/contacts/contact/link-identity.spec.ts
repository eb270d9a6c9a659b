import { describe, it } from '@jest/globals';
import { contactIdentified, contactIdentityLinked } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { anonymous, archived, sara } from '#test/fixtures/contacts.fixture.js';
import { linkIdentity } from './link-identity.command.js';

const shop = { system: 'shop', key: '17850' };

describe('LinkIdentity', () => {
  it('links, also a second key of one system', () => {
    specify(linkIdentity).given(sara).when(shop).then(contactIdentityLinked(shop));
    const second = { system: 'shop', key: '17851' };
    specify(linkIdentity).given(sara, contactIdentityLinked(shop)).when(second).then(contactIdentityLinked(second));
  });
  it('identifies an anonymous contact', () =>
    specify(linkIdentity)
      .given(anonymous)
      .when(shop)
      .then(contactIdentityLinked(shop), contactIdentified({ by: 'identity', status: 'identified' })));
  it('decides nothing for what is linked', () =>
    specify(linkIdentity).given(sara, contactIdentityLinked(shop)).when(shop).nothing());
  it('refuses what is not current, and the identity too many', () => {
    specify(linkIdentity).when(shop).refused('contact-exists');
    specify(linkIdentity).given(sara, archived).when(shop).refused('contact-not-archived');
    const hundred = Array.from({ length: 100 }, (_, n) => contactIdentityLinked({ system: 'shop', key: `${n}` }));
    specify(linkIdentity)
      .given(sara, ...hundred)
      .when(shop)
      .refused('identities-within-limit');
    specify(linkIdentity).given(sara).when({ system: 'shop', key: ' ' }).invalid('/key');
  });
});
