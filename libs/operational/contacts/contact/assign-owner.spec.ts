import { describe, it } from '@jest/globals';
import { contactOwnerAssigned } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { assignOwner } from './assign-owner.command.js';
import { merged, sara } from '#test/fixtures/contacts.fixture.js';

const lena = contactOwnerAssigned({ owner: 'lena' });

describe('AssignOwner', () => {
  it('names who looks after the contact now and who did', () => {
    specify(assignOwner).given(sara).when({ owner: 'lena' }).then(lena);
    specify(assignOwner)
      .given(sara, lena)
      .when({ owner: 'omid' })
      .then(contactOwnerAssigned({ owner: 'omid', previousOwner: 'lena' }));
    specify(assignOwner)
      .given(sara, lena)
      .when({ owner: null })
      .then(contactOwnerAssigned({ previousOwner: 'lena' }));
  });
  it('decides nothing for the same owner', () => {
    specify(assignOwner).given(sara, lena).when({ owner: 'lena' }).nothing();
    specify(assignOwner).given(sara).when({ owner: null }).nothing();
  });
  it('refuses what is not current', () => {
    specify(assignOwner).when({ owner: 'lena' }).refused('contact-exists');
    specify(assignOwner).given(sara, merged).when({ owner: 'lena' }).refused('contact-not-merged');
    specify(assignOwner).given(sara).when({}).invalid('/owner');
  });
});
