import { describe, it } from '@jest/globals';
import { contactRegistered } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { anonymous, sara, specId } from '#test/fixtures/contacts.fixture.js';
import { registerContact } from './register-contact.command.js';

const points = (reach: object) => ({ points: [{ reach }] });

describe('RegisterContact', () => {
  it('registers somebody of whom nothing is known', () =>
    specify(registerContact)
      .when({ origin: 'web' })
      .then(contactRegistered({ kind: 'person', status: 'anonymous', stage: 'visitor', origin: 'web' })));

  it('registers with name, points, identities, attributes and tags in one event, normalised and without repeats', () =>
    specify(registerContact)
      .when({
        id: specId,
        name: { given: 'Sara', family: 'Karimi' },
        birthDate: '1990-03-21',
        points: [
          { reach: { kind: 'email', address: ' Sara@Example.COM ' }, label: 'home' },
          { reach: { kind: 'phone', number: '00۹۸ (21) 8877-66 55' } },
          { reach: { kind: 'email', address: 'sara@example.com' }, label: 'home' },
        ],
        identities: [
          { system: 'shop', key: '17850' },
          { system: 'shop', key: '17850' },
        ],
        attributes: [{ name: 'shoe-size', content: { type: 'decimal', value: '38.5' } }],
        tags: ['VIP', 'vip', 'نوروز'],
        owner: 'lena',
      })
      .then(
        contactRegistered({
          kind: 'person',
          status: 'identified',
          stage: 'lead',
          name: { full: 'Sara Karimi', given: 'Sara', family: 'Karimi' },
          birthDate: '1990-03-21',
          points: [
            { point: 1, label: 'home', reach: { kind: 'email', address: 'sara@example.com' } },
            { point: 2, reach: { kind: 'phone', number: '+982188776655' } },
          ],
          identities: [{ system: 'shop', key: '17850' }],
          attributes: [{ name: 'shoe-size', content: { type: 'decimal', value: '38.5' } }],
          tags: ['vip', 'نوروز'],
          owner: 'lena',
        }),
      ));

  it('takes any one of name, point and identity for an identification', () => {
    const identified = { kind: 'person', status: 'identified', stage: 'lead' } as const;
    const identities = [{ system: 'shop', key: '1' }];
    specify(registerContact)
      .when({ identities })
      .then(contactRegistered({ ...identified, identities }));
    const reach = { kind: 'phone' as const, number: '+442079460000' };
    const points = [{ point: 1, reach }];
    specify(registerContact)
      .when({ points: [{ reach }] })
      .then(contactRegistered({ ...identified, points }));
  });

  it('puts a name together in the order of its language', () =>
    specify(registerContact)
      .when({ name: { given: '伟', family: '王' } })
      .then(
        contactRegistered({
          kind: 'person',
          status: 'identified',
          stage: 'lead',
          name: { full: '王伟', given: '伟', family: '王' },
        }),
      ));

  it.each([
    ['--03-21', '--03-21'],
    ['--0321', '--03-21'],
    ['--02-29', '--02-29'],
    // The year that phone books write where they know none.
    ['1604-03-21', '--03-21'],
    ['۱۹۹۰-۰۳-۲۱\u200f', '1990-03-21'],
  ])('keeps the birthday %s as what it is', (birthDate, kept) =>
    specify(registerContact)
      .when({ birthDate })
      .then(contactRegistered({ kind: 'person', status: 'anonymous', stage: 'visitor', birthDate: kept })),
  );
  it.each(['--02-30', '--13-01', '1990-02-29', '-03-21', '0990-01-01', '21.3.1990'])(
    'refuses the birthday %s',
    (birthDate) => specify(registerContact).when({ birthDate }).invalid('/birthDate'),
  );

  it('holds a known customer for active', () =>
    specify(registerContact)
      .when({ kind: 'organisation', name: { full: 'Acme' }, stage: 'customer' })
      .then(contactRegistered({ kind: 'organisation', status: 'active', stage: 'customer', name: { full: 'Acme' } })));

  it('refuses a contact that exists', () => {
    specify(registerContact).given(sara).when({}).refused('contact-is-new');
    specify(registerContact)
      .given(anonymous)
      .when({ name: { full: 'X' } })
      .refused('contact-is-new');
  });

  it('refuses an attribute that is named twice', () =>
    specify(registerContact)
      .when({
        attributes: [
          { name: 'size', content: { type: 'number', value: 1 } },
          { name: 'size', content: { type: 'string', value: 'L' } },
        ],
      })
      .refused('attribute-named-once'));

  it('names the place of bad input', () => {
    specify(registerContact)
      .when(points({ kind: 'email', address: 'sara' }))
      .invalid('/points/0/reach/address');
    specify(registerContact)
      .when(points({ kind: 'phone', number: '020 7946 0000' }))
      .invalid('/points/0/reach/number');
    specify(registerContact).when({ name: {} }).invalid('/name');
    specify(registerContact)
      .when({ name: { full: '  ' } })
      .invalid('/name/full');
    specify(registerContact).when({ birthDate: '1990-02-30' }).invalid('/birthDate');
    specify(registerContact)
      .when({ tags: ['two words'] })
      .invalid('/tags/0');
    specify(registerContact).when({ id: 'x' }).invalid('/id');
    specify(registerContact).when({ nmae: 'Sara' }).invalid('/');
    const attributes = [{ name: '__proto__', content: { type: 'number', value: 1 } }];
    specify(registerContact).when({ attributes }).invalid('/attributes/0/name');
  });
});
