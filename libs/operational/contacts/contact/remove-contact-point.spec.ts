import { describe, it } from '@jest/globals';
import { contactPointRemoved } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { email, emailAdded, merged, sara } from '#test/fixtures/contacts.fixture.js';
import { removeContactPoint } from './remove-contact-point.command.js';

const removed = contactPointRemoved({ point: 1, pointKind: 'email', reach: email, reason: 'bounced' });

describe('RemoveContactPoint', () => {
  it('takes the point away and says which it was', () =>
    specify(removeContactPoint).given(sara, emailAdded).when({ point: 1, reason: 'bounced' }).then(removed));
  it('refuses a point that is not there or no longer', () => {
    specify(removeContactPoint).given(sara).when({ point: 1 }).refused('point-exists');
    specify(removeContactPoint).given(sara, emailAdded, removed).when({ point: 1 }).refused('point-exists');
  });
  it('refuses what is not current', () => {
    specify(removeContactPoint).when({ point: 1 }).refused('contact-exists');
    specify(removeContactPoint).given(sara, emailAdded, merged).when({ point: 1 }).refused('contact-not-merged');
  });
});
