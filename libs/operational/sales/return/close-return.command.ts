import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { returnClosed } from '#contracts/sales/return.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Return, aboutReturn, acceptedLines } from './return.aggregate.js';
import type { ReturnState } from './return.aggregate.js';

export const closeReturn = command({
  name: 'CloseReturn',
  summary: 'Closes a return that is refunded or exchanged, or of which the inspection accepted nothing',
  on: Return,
  route: 'POST /v1/returns/:id/close',
  input: z.strictObject({ note: Note.optional() }),
  decide: (back, { note }) => {
    const outcome = outcomeOf(back);
    rule('return-is-settled', outcome !== undefined, `the return is ${back.status}`);
    return returnClosed({ ...aboutReturn(back), outcome, net: back.refunded, note });
  },
});

function outcomeOf(back: ReturnState): 'refunded' | 'exchanged' | 'rejected' | undefined {
  if (back.status === 'refunded' || back.status === 'exchanged') return back.status;
  // Without this a return whose goods all go back to the customer would stay open for ever.
  return back.status === 'inspected' && acceptedLines(back).length === 0 ? 'rejected' : undefined;
}
