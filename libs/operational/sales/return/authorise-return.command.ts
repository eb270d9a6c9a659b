import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { returnAuthorised } from '#contracts/sales/return.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Return, aboutReturn } from './return.aggregate.js';

export const authoriseReturn = command({
  name: 'AuthoriseReturn',
  summary: 'Allows the customer to send the goods back',
  on: Return,
  route: 'POST /v1/returns/:id/authorise',
  input: z.strictObject({ note: Note.optional() }),
  decide: (back, { note }) => {
    rule('return-is-requested', back.status === 'requested', `the return is ${back.status}`);
    return returnAuthorised({ ...aboutReturn(back), value: back.terms.value, note });
  },
});
