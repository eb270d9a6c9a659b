import { z } from 'zod';
import { Code, Note } from '#contracts/terms.js';
import { returnDenied } from '#contracts/sales/return.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { itsOrder, releaseToOrder } from './hold-on-order.js';
import { Return, aboutReturn } from './return.aggregate.js';

export const denyReturn = command({
  name: 'DenyReturn',
  summary: 'Refuses a requested return, or gives up one that was authorised and never came; its lines are free again',
  on: Return,
  route: 'POST /v1/returns/:id/deny',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  refs: { order: itsOrder },
  decide: (back, { reason, note }, { id }) => {
    const { status, terms } = back;
    const open = status === 'requested' || status === 'authorised';
    rule('return-has-not-come', open, `the return is ${status}`);
    const denied = returnDenied({ ...aboutReturn(back), value: terms.value, reason, note });
    return [denied, ...releaseToOrder({ id, terms }, terms.lines, {})];
  },
});
