import { describe, it } from '@jest/globals';
import { returnClosed, returnRefunded, returnRequested } from '#contracts/sales/return.events.js';
import { specify } from '#test/fixtures/specify.js';
import { aboutGoods, contacts, cups, customer, requested, teapots } from '#test/fixtures/sales.fixture.js';
import { recordCreditNote } from './record-credit-note.command.js';

const note = { ...aboutGoods, number: 'C536379' };
const source = { system: 'online-retail', key: 'C536379' };
const recorded = [
  returnRequested({ ...note, source, lines: [teapots, cups], value: '30.1' }),
  returnRefunded({ ...note, net: '30.1', credited: '0', lineCount: 2 }),
  returnClosed({ ...note, outcome: 'refunded', net: '30.1' }),
];

describe('RecordCreditNote', () => {
  it('is a return that was refunded, with the lines said once', () =>
    specify(recordCreditNote)
      .when({ ...note, source, lines: [teapots, cups] })
      .then(...recorded));
  it('keeps the country, as the books have it', () => {
    const theirs = { ...note, country: 'Channel Islands' };
    specify(recordCreditNote)
      .when({ ...theirs, lines: [teapots, cups] })
      .then(
        returnRequested({ ...theirs, lines: [teapots, cups], value: '30.1' }),
        returnRefunded({ ...theirs, net: '30.1', credited: '0', lineCount: 2 }),
        returnClosed({ ...theirs, outcome: 'refunded', net: '30.1' }),
      );
  });
  it('takes lines as a ledger of sales has them, and keeps the odd positive one', () => {
    const sold = [
      { ...teapots, quantity: '-2' },
      { ...cups, quantity: '-6' },
    ];
    const quantities = 'sold';
    specify(recordCreditNote)
      .when({ ...note, source, quantities, lines: sold })
      .then(...recorded);
    const odd = { ...cups, quantity: '1' };
    specify(recordCreditNote)
      .when({ ...note, quantities, lines: [sold[0]!, odd] })
      .then(
        returnRequested({ ...note, lines: [teapots, { ...odd, quantity: '-1' }], value: '24.15' }),
        returnRefunded({ ...note, net: '24.15', credited: '0', lineCount: 2 }),
        returnClosed({ ...note, outcome: 'refunded', net: '24.15' }),
      );
  });
  it('refuses a credit below nothing, which is a sale or has the other sign', () =>
    specify(recordCreditNote)
      .when({ ...note, lines: [{ ...teapots, quantity: '-2' }] })
      .refused('credit-not-negative'));
  it('refuses a return that exists', () =>
    specify(recordCreditNote)
      .given(requested)
      .when({ ...note, lines: [teapots] })
      .refused('return-is-new'));
  it('needs a contact that is there, when it names one', () => {
    const theirs = { ...note, contact: customer, source, lines: [teapots, cups] };
    specify(recordCreditNote).when(theirs).refused('contact-exists');
    specify(recordCreditNote)
      .where('contact', ...contacts.blocked)
      .when(theirs)
      .then(...recorded.map((event) => ({ ...event, data: { ...event.data, contact: customer } })));
  });
});
