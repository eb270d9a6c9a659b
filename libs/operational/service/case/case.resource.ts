import { z } from 'zod';
import { Staff } from '#contracts/contacts/contact-terms.js';
import {
  CaseChannel,
  CaseKind,
  CasePriority,
  CaseStatus,
  CaseText,
  CaseTitle,
  caseClosed,
  caseCustomerReplied,
  caseInternalNoteAdded,
  caseOpened,
  caseReopened,
  caseRepliedToCustomer,
  caseResolved,
  caseSatisfactionRecorded,
} from '#contracts/service/case.events.js';
import { Code, DocumentNumber, Note, Source, words } from '#contracts/terms.js';
import { Instant, TimeZone } from '#platform/kernel/calendar.js';
import { orErased, readable } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { Newest, noted, resource, shownLists } from '#platform/kernel/resource.js';
import { omittedEntries, told, toldBy } from '../../answer-terms.js';
import { Case } from './case.aggregate.js';

const Message = z
  .strictObject({
    ...told,
    from: z
      .enum(['customer', 'staff', 'internal', 'resolution'])
      .describe(
        'internal: a note that the customer does not see; resolution: the text that the case was resolved with',
      ),
    via: CaseChannel.optional(),
    text: orErased(CaseText),
  })
  .meta({ id: 'CaseMessage' });

export const CaseAnswer = z
  .strictObject({
    id: Id,
    revision: z.int().min(0),
    status: CaseStatus,
    kind: CaseKind,
    category: Code.optional(),
    channel: CaseChannel.describe('How it came to us'),
    priority: CasePriority,
    queue: Code.optional(),
    assignee: Staff.optional(),
    contact: Id.optional().describe('Whom it was opened for'),
    number: DocumentNumber.optional(),
    source: Source.optional(),
    title: orErased(CaseTitle),
    description: orErased(CaseText).optional(),
    openedAt: Instant,
    firstRespondedAt: Instant.optional(),
    snoozedUntil: z.strictObject({ until: Instant, zone: TimeZone }).optional(),
    waitsFor: orErased(words(200)).optional().describe('The third party that it waits for'),
    escalations: z.int().min(0).describe('The level that it was escalated to'),
    reopenings: z.int().min(0),
    resolution: Code.optional(),
    resolvedAt: Instant.optional(),
    closedAt: Instant.optional(),
    mergedInto: Id.optional().describe('Of a duplicate: the case where it is worked on'),
    satisfaction: z
      .strictObject({ ...told, score: z.int().min(1).max(5), comment: orErased(Note).optional() })
      .optional(),
    messages: z.array(Message).describe('What was written, in the order in which we learnt it'),
    articles: z.array(Id).describe('Articles that were linked to it'),
    mergedDuplicates: z.array(Id).describe('Cases that are duplicates of this one'),
    omitted: omittedEntries,
  })
  .meta({ id: 'Case' });

export const caseResource = resource({
  name: 'GetCase',
  summary: 'One case as it stands, with its messages and notes',
  on: Case,
  route: 'GET /v1/cases/:id',
  about: 'Service: a question, complaint, return or incident, from its opening through replies to its resolution.',
  answer: CaseAnswer,
  read: () => {
    type Answer = z.infer<typeof CaseAnswer>;
    const messages = new Newest<z.infer<typeof Message>>(({ text }) => readable(text)?.length ?? 0);
    const opening: Pick<Answer, 'description' | 'source'> = {};
    const later: Pick<Answer, 'closedAt' | 'satisfaction'> = {};
    return {
      on: [
        noted(caseOpened, ({ description, source }) => Object.assign(opening, { description, source })),
        noted(caseRepliedToCustomer, ({ via, text }, event) =>
          messages.add({ ...toldBy(event), from: 'staff', via, text }),
        ),
        noted(caseCustomerReplied, ({ via, text }, event) =>
          messages.add({ ...toldBy(event), from: 'customer', via, text }),
        ),
        noted(caseInternalNoteAdded, ({ text }, event) => messages.add({ ...toldBy(event), from: 'internal', text })),
        noted(caseResolved, ({ text }, event) => {
          if (text !== undefined) messages.add({ ...toldBy(event), from: 'resolution', text });
        }),
        noted(caseClosed, (_data, event) => (later.closedAt = toldBy(event).at)),
        noted(caseReopened, () => delete later.closedAt),
        noted(caseSatisfactionRecorded, ({ score, comment }, event) => {
          later.satisfaction = { ...toldBy(event), score, comment };
        }),
      ],
      show: (state, { id, revision }) => {
        const { overview, title, firstRespondedAt, snoozedUntil, party, escalations, reopenings } = state;
        const { resolution, resolvedAt, duplicateOf, articles, mergedDuplicates } = state;
        return {
          id,
          revision,
          ...overview,
          ...opening,
          title,
          firstRespondedAt,
          snoozedUntil,
          waitsFor: party,
          escalations,
          reopenings,
          resolution,
          resolvedAt,
          ...later,
          mergedInto: duplicateOf,
          ...shownLists({ messages, articles, mergedDuplicates: [...mergedDuplicates] }),
        };
      },
    };
  },
});
