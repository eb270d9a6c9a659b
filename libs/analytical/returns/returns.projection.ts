import * as back from '#contracts/sales/return.events.js';
import { dayOf } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { minus, plus } from '#platform/kernel/money.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import type { RowChange } from '#platform/projections/definition/table.js';
import { CustomerReturns, ReturnRow } from './return.table.js';

const keyOf = ({ subject, aggregateId }: RecordedEvent) => ({ subject, id: aggregateId });

/** Changes the row of the event's return, which its first event made. */
const ofReturn = (event: RecordedEvent, fold: (row: ReturnRow) => Partial<ReturnRow>): RowChange<ReturnRow> =>
  ReturnRow.change(keyOf(event), (row) => (row ? { ...row, ...fold(row) } : null));

const toStatus = (status: ReturnRow['status']) => (event: RecordedEvent) => ofReturn(event, () => ({ status }));

const nothing = { returns: 0, refunds: '0', credited: '0', exchanged: '0' };

function ofReturns(
  { subject, data: { currency } }: RecordedEvent<{ currency: string }>,
  fold: (row: CustomerReturns) => Partial<CustomerReturns>,
): RowChange<CustomerReturns> {
  const key = { subject, currency };
  return CustomerReturns.change(key, (found) => {
    const row = found ?? { ...nothing, ...key };
    return { ...row, ...fold(row) };
  });
}

/** Returns as they stand, and what each customer gave back. */
export const returns = projection({
  name: 'returns',
  version: 2,
  tables: [ReturnRow, CustomerReturns],
  on: [
    on(back.returnRequested, (event) => {
      const { occurredAt, data } = event;
      const key = keyOf(event);
      return ReturnRow.change(key, () => ({
        number: data.number ?? null,
        status: 'requested',
        contact: data.contact ?? null,
        order_id: data.order ?? null,
        replacement: null,
        currency: data.currency,
        value: data.value,
        refunded: '0',
        credited: '0',
        lines: data.lines.length,
        salesperson: data.salesperson ?? null,
        zone: data.zone,
        requested_at: occurredAt,
        requested_on: dayOf(occurredAt, data.zone),
        refunded_at: null,
        refunded_on: null,
        closed_at: null,
        ...key,
      }));
    }),
    on(back.returnAuthorised, toStatus('authorised')),
    on(back.returnDenied, toStatus('denied')),
    on(back.returnReceived, toStatus('received')),
    on(back.returnInspected, toStatus('inspected')),
    on(back.returnRefunded, (event) => {
      const { occurredAt, data } = event;
      return [
        ofReturn(event, () => ({
          status: 'refunded',
          refunded: data.net,
          credited: data.credited,
          refunded_at: occurredAt,
          refunded_on: dayOf(occurredAt, data.zone),
        })),
        ofReturns(event, (row) => ({
          returns: row.returns + 1,
          refunds: plus(row.refunds, data.net),
          credited: plus(row.credited, data.credited),
        })),
      ];
    }),
    on(back.returnExchanged, (event) => {
      const { replacement, value } = event.data;
      return [
        ofReturn(event, () => ({ status: 'exchanged', replacement })),
        ofReturns(event, (row) => ({ exchanged: plus(row.exchanged, value) })),
      ];
    }),
    on(back.returnExchangeUndone, (event) => [
      ofReturn(event, () => ({ status: 'inspected', replacement: null, closed_at: null })),
      ofReturns(event, (row) => ({ exchanged: minus(row.exchanged, event.data.value) })),
    ]),
    on(back.returnClosed, (event) => ofReturn(event, () => ({ status: 'closed', closed_at: event.occurredAt }))),
  ],
});
