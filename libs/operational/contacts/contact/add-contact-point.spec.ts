import { describe, it } from '@jest/globals';
import {
  contactActivated,
  contactIdentified,
  contactPointAdded,
  contactPointRemoved,
  contactLifecycleStageChanged,
} from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { addContactPoint } from './add-contact-point.command.js';
import {
  anonymous,
  archived,
  blocked,
  email,
  emailAdded,
  merged,
  phone,
  sara,
} from '#test/fixtures/contacts.fixture.js';

describe('AddContactPoint', () => {
  it('adds the point in its normal form, under the next number', () => {
    specify(addContactPoint)
      .given(sara)
      .when({ reach: { kind: 'email', address: ' SARA@example.com' } })
      .then(emailAdded);
    const removed = contactPointRemoved({ point: 1, pointKind: 'email', reach: email });
    specify(addContactPoint)
      .given(sara, emailAdded, removed)
      .when({ reach: { kind: 'phone', number: '+44 (20) 7946-0000' }, label: 'work' })
      .then(contactPointAdded({ point: 2, pointKind: 'phone', label: 'work', reach: phone }));
  });
  it('takes postal addresses and messengers', () => {
    const postal = { kind: 'postal' as const, address: { lines: ['1 High Street'], country: 'GB' } };
    const account = { kind: 'messenger' as const, service: 'telegram', account: '@sara' };
    specify(addContactPoint)
      .given(sara)
      .when({ reach: postal })
      .then(contactPointAdded({ point: 1, pointKind: 'postal', reach: postal }));
    specify(addContactPoint)
      .given(sara, emailAdded)
      .when({ reach: account })
      .then(contactPointAdded({ point: 2, pointKind: 'messenger', reach: account }));
  });
  it('knows a postal address again that is only spelled otherwise', () => {
    const postal = (line: string) => ({ kind: 'postal' as const, address: { lines: [line], country: 'IR' } });
    const added = contactPointAdded({ point: 1, pointKind: 'postal', reach: postal('خیابان ولی\u200cعصر ۱۲') });
    for (const line of ['خیابان ولی\u200cعصر ۱۲', 'خيابان  وليعصر 12\u200f', '\u202bخیابان ولیعصر ١٢']) {
      specify(addContactPoint)
        .given(sara, added)
        .when({ reach: postal(line) })
        .nothing();
    }
  });
  it('keeps the extension, and a short code in its country', () => {
    const reach = { kind: 'phone' as const, number: '+442079460000', extension: '5' };
    specify(addContactPoint)
      .given(sara)
      .when({ reach: { kind: 'phone', number: '020 7946 0000 ext. 5', country: 'GB' } })
      .then(contactPointAdded({ point: 1, pointKind: 'phone', reach }));
    const short = { kind: 'phone' as const, number: '118118', country: 'GB' };
    specify(addContactPoint)
      .given(sara)
      .when({ reach: { kind: 'phone', number: '\u202a118 118\u202c', country: 'GB' } })
      .then(contactPointAdded({ point: 1, pointKind: 'phone', reach: short }));
  });
  it('identifies an anonymous contact, whom business has made known as active', () => {
    const identified = contactIdentified({ by: 'contact-point', status: 'identified' });
    specify(addContactPoint).given(anonymous).when({ reach: email }).then(emailAdded, identified);
    const buys = contactLifecycleStageChanged({ stage: 'customer', previousStage: 'visitor' });
    specify(addContactPoint)
      .given(anonymous, buys)
      .when({ reach: email })
      .then(emailAdded, identified, contactActivated({ by: 'business', status: 'active' }));
  });
  it('works on a blocked contact, which stays blocked', () =>
    specify(addContactPoint)
      .given(anonymous, blocked)
      .when({ reach: email })
      .then(emailAdded, contactIdentified({ by: 'contact-point', status: 'blocked' })));
  it('decides nothing for a point that is there, and refuses it under another label', () => {
    specify(addContactPoint).given(sara, emailAdded).when({ reach: email }).nothing();
    specify(addContactPoint).given(sara, emailAdded).when({ reach: email, label: 'work' }).refused('point-is-new');
  });
  it('refuses what is not current, and the point too many', () => {
    specify(addContactPoint).when({ reach: email }).refused('contact-exists');
    specify(addContactPoint).given(sara, merged).when({ reach: email }).refused('contact-not-merged');
    specify(addContactPoint).given(sara, archived).when({ reach: email }).refused('contact-not-archived');
    const hundred = Array.from({ length: 100 }, (_, n) =>
      contactPointAdded({ point: n + 1, pointKind: 'email', reach: { kind: 'email', address: `${n}@example.com` } }),
    );
    specify(addContactPoint)
      .given(sara, ...hundred)
      .when({ reach: email })
      .refused('points-within-limit');
  });
});
