import { z } from 'zod';
import { LineNumber } from '#contracts/sales/order-line.js';
import { Code, Note } from '#contracts/terms.js';
import { returnInspected } from '#contracts/sales/return.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { compare } from '#platform/kernel/money.js';
import type { LineQuantities } from '../amounts.js';
import { UnsignedQuantity, linesOf, uniqueLines } from '../sales-input.js';
import { itsOrder, releaseToOrder } from './hold-on-order.js';
import { Return, aboutReturn, acceptedValue } from './return.aggregate.js';

const Inspected = z.strictObject({ line: LineNumber, accepted: UnsignedQuantity, condition: Code.optional() });

export const inspectReturn = command({
  name: 'InspectReturn',
  summary: 'Records what of the received goods is accepted, all unless lines say less; the rest goes back',
  on: Return,
  route: 'POST /v1/returns/:id/inspect',
  input: z.strictObject({ lines: linesOf(Inspected).optional(), note: Note.optional() }),
  refs: { order: itsOrder },
  decide: (back, { lines: given, note }, { id }) => {
    const { status, terms, received } = back;
    rule('return-is-received', status === 'received', `the return is ${status}`);
    const arrived = terms.lines.filter(({ line }) => received[line] !== undefined).map(({ line }) => line);
    const judged = given ?? arrived.map((line) => ({ line, accepted: received[line]! }));
    coversWhatArrived(received, arrived, judged);
    const lines = judged.map((line) => ({ ...line, received: received[line.line]! }));
    const accepted = Object.fromEntries(judged.map((line) => [line.line, line.accepted]));
    const inspected = returnInspected({
      ...aboutReturn(back),
      lines,
      acceptedValue: acceptedValue({ ...back, accepted }),
      note,
    });
    const sent = arrived.map((line) => ({ line, quantity: received[line]! }));
    return [inspected, ...releaseToOrder({ id, terms }, sent, accepted)];
  },
});

/** A line left out would be neither taken nor sent back. */
function coversWhatArrived(
  received: LineQuantities,
  arrived: readonly number[],
  judged: readonly { line: number; accepted: string }[],
): void {
  uniqueLines(judged);
  for (const { line, accepted } of judged) {
    const most = received[line];
    rule('line-in-return', most !== undefined, `line ${line} was not received`);
    rule('accepted-within-received', compare(accepted, most) <= 0, `line ${line}: ${accepted} of ${most} received`);
  }
  rule('inspection-covers-receipt', judged.length === arrived.length, `received lines are ${arrived.join(', ')}`);
}
