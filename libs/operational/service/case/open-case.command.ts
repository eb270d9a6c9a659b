import { z } from 'zod';
import { Code, DocumentNumber, Source } from '#contracts/terms.js';
import {
  CaseChannel,
  CaseKind,
  CasePriority,
  CaseText,
  CaseTitle,
  caseOpened,
} from '#contracts/service/case.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { assertContactExists } from '../../contacts/contact/contact.rules.js';
import { Case } from './case.aggregate.js';

export const openCase = command({
  name: 'OpenCase',
  summary: 'Opens a case: a question, a complaint, a return or an incident',
  on: Case,
  route: 'POST /v1/cases',
  input: z.strictObject({
    id: Id.optional(),
    contact: Id.optional(),
    number: DocumentNumber.optional(),
    kind: CaseKind,
    category: Code.optional(),
    channel: CaseChannel,
    priority: CasePriority.default('normal'),
    queue: Code.optional(),
    title: CaseTitle,
    description: CaseText.optional(),
    source: Source.optional(),
  }),
  refs: { contact: reference(Contact, (input: { contact?: string }) => input.contact) },
  // A blocked contact passes: whom we do not sell to may still complain.
  decide: ({ status }, { id: _id, ...input }, { now, refs }) => {
    rule('case-is-new', status === 'none', 'this case exists already');
    assertContactExists(refs.contact);
    return caseOpened({ ...input, status: 'new', openedAt: now.toISOString() });
  },
});
