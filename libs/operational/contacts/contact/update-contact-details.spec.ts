import { describe, it } from '@jest/globals';
import { contactDetailsUpdated, contactIdentified } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { anonymous, archived, merged, sara } from '#test/fixtures/contacts.fixture.js';
import { updateContactDetails } from './update-contact-details.command.js';

const name = { full: 'سارا کریمی' };

describe('UpdateContactDetails', () => {
  it('tells the details in full and which of them changed', () => {
    const employed = contactDetailsUpdated({
      name,
      jobTitle: 'Buyer',
      language: 'fa',
      changed: ['language', 'jobTitle'],
    });
    specify(updateContactDetails).given(sara).when({ jobTitle: 'Buyer', language: 'fa', name }).then(employed);
    specify(updateContactDetails)
      .given(sara, employed)
      .when({ jobTitle: null })
      .then(contactDetailsUpdated({ name, language: 'fa', changed: ['jobTitle'] }));
  });
  it('puts a name together anew when another language is declared, and leaves one that was sent in full', () => {
    const janos = { given: 'János', family: 'Kovács' };
    const registered = contactDetailsUpdated({ name: { full: 'János Kovács', ...janos }, changed: ['name'] });
    const hungarian = contactDetailsUpdated({
      name: { full: 'Kovács János', ...janos },
      language: 'hu',
      changed: ['name', 'language'],
    });
    specify(updateContactDetails).given(sara, registered).when({ language: 'hu' }).then(hungarian);
    specify(updateContactDetails).given(sara).when({ name: janos, language: 'hu' }).then(hungarian);
    specify(updateContactDetails)
      .given(sara, registered, hungarian)
      .when({ language: null })
      .then(contactDetailsUpdated({ name: { full: 'János Kovács', ...janos }, changed: ['name', 'language'] }));
    const own = { full: 'János Kovács jr.', ...janos };
    specify(updateContactDetails)
      .given(sara, contactDetailsUpdated({ name: own, changed: ['name'] }))
      .when({ language: 'hu' })
      .then(contactDetailsUpdated({ name: own, language: 'hu', changed: ['language'] }));
  });
  it('decides nothing when nothing changes', () => {
    specify(updateContactDetails).given(sara).when({ name }).nothing();
    specify(updateContactDetails).given(sara).when({ jobTitle: null }).nothing();
    specify(updateContactDetails).given(sara).when({}).nothing();
  });
  it('identifies an anonymous contact by its name, and by nothing less', () => {
    specify(updateContactDetails)
      .given(anonymous)
      .when({ name })
      .then(
        contactDetailsUpdated({ name, changed: ['name'] }),
        contactIdentified({ by: 'name', status: 'identified' }),
      );
    specify(updateContactDetails)
      .given(anonymous)
      .when({ zone: 'Asia/Tehran' })
      .then(contactDetailsUpdated({ zone: 'Asia/Tehran', changed: ['zone'] }));
  });
  it('refuses what is not current', () => {
    specify(updateContactDetails).when({ name }).refused('contact-exists');
    specify(updateContactDetails).given(sara, merged).when({ name: null }).refused('contact-not-merged');
    specify(updateContactDetails).given(sara, archived).when({ name: null }).refused('contact-not-archived');
    specify(updateContactDetails).given(sara).when({ zone: 'Mars/Olympus' }).invalid('/zone');
  });
});
