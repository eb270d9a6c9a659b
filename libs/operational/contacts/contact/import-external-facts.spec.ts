import { describe, it } from '@jest/globals';
import { contactExternalFactsImported } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { acme, merged } from '#test/fixtures/contacts.fixture.js';
import { importExternalFacts } from './import-external-facts.command.js';

const fact = (name: string, value: number) => ({ name, content: { type: 'number' as const, value } });
const register = { source: 'Companies House', date: '2026-01-10', licence: 'OGL-UK-3.0' };
const imported = contactExternalFactsImported({ ...register, facts: [fact('employees', 12)] });

describe('ImportExternalFacts', () => {
  it('keeps source, date and licence with the facts', () =>
    specify(importExternalFacts)
      .given(acme)
      .when({ ...register, facts: [fact('employees', 12)] })
      .then(imported));
  it('decides only what was not told before, so that an import can be repeated', () => {
    specify(importExternalFacts)
      .given(acme, imported)
      .when({ ...register, facts: [fact('employees', 12)] })
      .nothing();
    specify(importExternalFacts)
      .given(acme, imported)
      .when({ ...register, facts: [fact('employees', 12), fact('branches', 2)] })
      .then(contactExternalFactsImported({ ...register, facts: [fact('branches', 2)] }));
    const later = { ...register, date: '2026-01-14', facts: [fact('employees', 12)] };
    specify(importExternalFacts).given(acme, imported).when(later).then(contactExternalFactsImported(later));
  });
  it('refuses a fact that is named twice, and facts without a licence', () => {
    const facts = [fact('employees', 12), fact('employees', 13)];
    specify(importExternalFacts)
      .given(acme)
      .when({ ...register, facts })
      .refused('fact-named-once');
    specify(importExternalFacts)
      .given(acme)
      .when({ ...register, licence: undefined, facts })
      .invalid('/licence');
  });
  it('refuses what is not current', () => {
    const when = { ...register, facts: [fact('employees', 12)] };
    specify(importExternalFacts).when(when).refused('contact-exists');
    specify(importExternalFacts).given(acme, merged).when(when).refused('contact-not-merged');
  });
});
