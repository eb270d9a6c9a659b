import { describe, it } from '@jest/globals';
import { contactActivated, contactPointAdded, contactPointVerified } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import {
  activated,
  archived,
  blocked,
  emailAdded,
  emailVerified,
  phone,
  sara,
} from '#test/fixtures/contacts.fixture.js';
import { verifyContactPoint } from './verify-contact-point.command.js';

const when = { point: 1, method: 'link-clicked' };

describe('VerifyContactPoint', () => {
  it('makes an identified contact active, once', () => {
    specify(verifyContactPoint).given(sara, emailAdded).when(when).then(emailVerified, activated);
    const phoneAdded = contactPointAdded({ point: 2, pointKind: 'phone', reach: phone });
    specify(verifyContactPoint)
      .given(sara, emailAdded, phoneAdded, emailVerified, activated)
      .when({ point: 2, method: 'called-back' })
      .then(contactPointVerified({ point: 2, pointKind: 'phone', reach: phone, method: 'called-back' }));
  });
  it('leaves a blocked contact blocked', () =>
    specify(verifyContactPoint)
      .given(sara, emailAdded, blocked)
      .when(when)
      .then(emailVerified, contactActivated({ by: 'verified-point', status: 'blocked' })));
  it('decides nothing for a verified point', () =>
    specify(verifyContactPoint).given(sara, emailAdded, emailVerified, activated).when(when).nothing());
  it('refuses a point that is not there, and what is not current', () => {
    specify(verifyContactPoint).given(sara).when(when).refused('point-exists');
    specify(verifyContactPoint).when(when).refused('contact-exists');
    specify(verifyContactPoint).given(sara, emailAdded, archived).when(when).refused('contact-not-archived');
  });
});
