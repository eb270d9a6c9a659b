import { z } from 'zod';
import { Country, DocumentNumber, Note, Salesperson, Source } from '#contracts/terms.js';
import { returnClosed, returnRefunded, returnRequested } from '#contracts/sales/return.events.js';
import { TimeZone } from '#platform/kernel/calendar.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Currency, compare, minus } from '#platform/kernel/money.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { totals } from '../amounts.js';
import { assertContactExists } from '../../contacts/contact/contact.rules.js';
import { RecordedLineInput, linesOf, newAggregateId, numbered } from '../sales-input.js';
import { Return } from './return.aggregate.js';

export const recordCreditNote = command({
  name: 'RecordCreditNote',
  summary: 'Records a credit note that another system has settled already',
  on: Return,
  route: 'POST /v1/credit-notes',
  input: z.strictObject({
    id: newAggregateId,
    contact: Id.optional(),
    number: DocumentNumber.optional(),
    currency: Currency,
    zone: TimeZone,
    country: Country.optional(),
    salesperson: Salesperson.optional(),
    source: Source.optional(),
    lines: linesOf(RecordedLineInput),
    quantities: z
      .enum(['returned', 'sold'])
      .default('returned')
      .meta({ description: 'returned: what came back is positive; sold: as in a ledger of sales, it is negative' }),
    note: Note.optional(),
  }),
  refs: { contact: reference(Contact, (input: { contact?: string }) => input.contact) },
  decide: (back, { id: _id, quantities, note, source, lines: given, ...about }, { refs }) => {
    rule('return-is-new', back.status === 'none', 'this return exists already');
    assertContactExists(refs.contact);
    const numberedLines = numbered(given);
    const lines =
      quantities === 'sold'
        ? numberedLines.map((line) => ({ ...line, quantity: minus('0', line.quantity) }))
        : numberedLines;
    const { net } = totals(lines);
    rule(
      'credit-not-negative',
      compare(net, '0') >= 0,
      `the credit would be ${net}: where what came back is negative, send quantities: "sold"`,
    );
    return [
      returnRequested({ ...about, source, lines, value: net, note }),
      returnRefunded({ ...about, net, credited: '0', lineCount: lines.length }),
      returnClosed({ ...about, outcome: 'refunded', net }),
    ];
  },
});
