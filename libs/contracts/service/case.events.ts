import { z } from 'zod';
import { Instant, TimeZone } from '#platform/kernel/calendar.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { Staff } from '../contacts/contact-terms.js';
import { Code, DocumentNumber, Note, Source, prose, sourceKey, words } from '../terms.js';

export const CaseKind = z.enum(['question', 'complaint', 'return', 'incident']);
export type CaseKind = z.infer<typeof CaseKind>;

export const CaseStatus = z.enum([
  'new',
  'assigned',
  'in-progress',
  'pending-customer',
  'pending-third-party',
  'snoozed',
  'resolved',
  'closed',
  'rejected',
  'duplicate',
]);
export type CaseStatus = z.infer<typeof CaseStatus>;

export const CasePriority = z.enum(['low', 'normal', 'high', 'urgent']);
export type CasePriority = z.infer<typeof CasePriority>;

export const CaseChannel = z.enum(['phone', 'fax', 'email', 'web', 'chat', 'sms', 'letter', 'in-person']);
export type CaseChannel = z.infer<typeof CaseChannel>;

/** What is written in a case, by whomever. */
export const CaseText = prose(50_000).trim();

/** What the case is about, in a line. */
export const CaseTitle = words(300);

/** What a row in a list of cases shows: as it is after the event. */
const about = {
  /** Whom it was opened for: the stream's subject for good. A case without one is its own subject. */
  contact: open(Id.optional(), 'unless-subject'),
  number: open(DocumentNumber.optional(), 'shown'),
  kind: open(CaseKind, 'shown'),
  category: open(Code.optional(), 'shown'),
  channel: open(CaseChannel, 'shown'),
  priority: open(CasePriority, 'shown'),
  queue: open(Code.optional(), 'shown'),
  assignee: open(Staff.optional(), 'shown'),
  status: open(CaseStatus, 'shown'),
  openedAt: open(Instant),
};
const note = personal(Note.optional(), 'note');

export const caseOpened = defineEvent({
  type: 'crm.service.case.opened',
  fields: {
    ...about,
    title: personal(CaseTitle, 'communication'),
    description: personal(CaseText.optional(), 'communication'),
    source: open(Source.optional()),
  },
  reserves: sourceKey('case-source'),
});

export const caseClassified = defineEvent({
  type: 'crm.service.case.classified',
  fields: { ...about, previousKind: open(CaseKind), previousCategory: open(Code.optional()) },
});

export const caseAssigned = defineEvent({
  type: 'crm.service.case.assigned',
  fields: { ...about, assignee: open(Staff, 'shown'), previousAssignee: open(Staff.optional()), note },
});

/** To another queue; without an assignee there, the case is new in it. */
export const caseTransferred = defineEvent({
  type: 'crm.service.case.transferred',
  fields: {
    ...about,
    queue: open(Code, 'shown'),
    previousQueue: open(Code.optional()),
    previousAssignee: open(Staff.optional()),
    note,
  },
});

export const casePriorityChanged = defineEvent({
  type: 'crm.service.case.priority-changed',
  fields: { ...about, previousPriority: open(CasePriority), note },
});

export const caseRepliedToCustomer = defineEvent({
  type: 'crm.service.case.replied-to-customer',
  fields: { ...about, via: open(CaseChannel, 'shown'), text: personal(CaseText, 'communication') },
});

/** Beside the first reply of the case's life. */
export const caseFirstResponseRecorded = defineEvent({
  type: 'crm.service.case.first-response-recorded',
  fields: { ...about, via: open(CaseChannel, 'shown') },
});

export const caseCustomerReplied = defineEvent({
  type: 'crm.service.case.customer-replied',
  fields: { ...about, via: open(CaseChannel, 'shown'), text: personal(CaseText, 'communication') },
});

export const caseInternalNoteAdded = defineEvent({
  type: 'crm.service.case.internal-note-added',
  fields: { ...about, text: personal(CaseText, 'note') },
});

export const caseCustomerAwaited = defineEvent({
  type: 'crm.service.case.customer-awaited',
  fields: { ...about, note },
});

/** The customer, whom it waits for, is to be reminded of it: who writes to customers does so. */
export const caseCustomerReminded = defineEvent({
  type: 'crm.service.case.customer-reminded',
  fields: { ...about, note },
});

export const caseThirdPartyAwaited = defineEvent({
  type: 'crm.service.case.third-party-awaited',
  fields: { ...about, party: personal(words(200), 'communication'), note },
});

export const caseSnoozed = defineEvent({
  type: 'crm.service.case.snoozed',
  fields: { ...about, until: open(Instant, 'shown'), zone: open(TimeZone), note },
});

export const caseResumed = defineEvent({
  type: 'crm.service.case.resumed',
  fields: { ...about, previousStatus: open(CaseStatus), note },
});

export const caseEscalated = defineEvent({
  type: 'crm.service.case.escalated',
  fields: {
    ...about,
    level: open(z.int().min(1), 'shown'),
    to: open(Staff.optional()),
    reason: open(Code, 'shown'),
    note,
  },
});

export const caseResolved = defineEvent({
  type: 'crm.service.case.resolved',
  fields: {
    ...about,
    firstRespondedAt: open(Instant.optional()),
    resolution: open(Code, 'shown'),
    /** How often it was reopened before. */
    reopenings: open(z.int().min(0)),
    text: personal(CaseText.optional(), 'communication'),
  },
});

export const caseClosed = defineEvent({
  type: 'crm.service.case.closed',
  fields: {
    ...about,
    firstRespondedAt: open(Instant.optional()),
    resolvedAt: open(Instant),
    resolution: open(Code, 'shown'),
    reopenings: open(z.int().min(0)),
    note,
  },
});

const reopened = (reopenings: z.ZodInt) => ({
  ...about,
  previousStatus: open(CaseStatus),
  reason: open(Code, 'shown'),
  /** After an answer, with this one where it is one. */
  reopenings: open(reopenings),
  note,
});

export const caseReopened = defineEvent({
  type: 'crm.service.case.reopened',
  version: 2,
  fields: reopened(z.int().min(0)),
  earlier: {
    1: {
      fields: reopened(z.int().min(1)),
      upcast: (data) => data,
      breaks:
        'Since version 2 `reopenings` may be 0: none is counted where nothing had been answered, as of a case that was rejected or merged by mistake.',
    },
  },
});

export const caseRejected = defineEvent({
  type: 'crm.service.case.rejected',
  fields: { ...about, reason: open(Code, 'shown'), note },
});

/** With the case that is a duplicate. */
export const caseMerged = defineEvent({
  type: 'crm.service.case.merged',
  fields: { ...about, into: open(Id, 'shown'), previousStatus: open(CaseStatus), note },
});

/** With the case that stays. */
export const caseDuplicateMerged = defineEvent({
  type: 'crm.service.case.duplicate-merged',
  fields: { ...about, merged: open(Id, 'shown') },
});

/** The inverse of `caseDuplicateMerged`: the duplicate was reopened as a case of its own. */
export const caseMergeUndone = defineEvent({
  type: 'crm.service.case.merge-undone',
  fields: { ...about, reopened: open(Id, 'shown') },
});

export const caseArticleLinked = defineEvent({
  type: 'crm.service.case.article-linked',
  fields: { ...about, article: open(Id, 'shown') },
});

/** 1 (bad) to 5 (good); the last answer counts. */
export const caseSatisfactionRecorded = defineEvent({
  type: 'crm.service.case.satisfaction-recorded',
  fields: {
    ...about,
    score: open(z.int().min(1).max(5), 'shown'),
    previousScore: open(z.int().min(1).max(5).optional()),
    comment: personal(Note.optional(), 'communication'),
  },
});
