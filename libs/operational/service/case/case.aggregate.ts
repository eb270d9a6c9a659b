import type { CaseStatus } from '#contracts/service/case.events.js';
import { caseEvents } from '#contracts/service/index.js';
import { aggregate } from '#platform/kernel/aggregate.js';
import { late, step } from '#platform/kernel/chronology.js';
import type { Erased } from '#platform/kernel/erased.js';
import type { Dating } from '#platform/kernel/chronology.js';
import { PersistentSet } from '#platform/kernel/persistent-map.js';

type Opened = Parameters<typeof caseEvents.caseOpened>[0];

/** What every event of a case repeats: a row in a list of cases. */
export type CaseOverview = Pick<
  Opened,
  'contact' | 'number' | 'kind' | 'category' | 'channel' | 'priority' | 'queue' | 'assignee' | 'status' | 'openedAt'
>;

/** What the decisions about a case need to know. */
export interface CaseState {
  readonly status: 'none' | CaseStatus;
  /** As the last event says. `contact` is whom it was opened for, for good. */
  readonly overview: CaseOverview;
  readonly title: string | Erased;
  readonly firstRespondedAt?: string;
  readonly snoozedUntil?: { readonly until: string; readonly zone: string };
  /** Whom it waits for while pending on a third party. */
  readonly party?: string | Erased;
  readonly escalations: number;
  readonly reopenings: number;
  readonly resolution?: string;
  readonly resolvedAt?: string;
  readonly duplicateOf?: string;
  /** The cases that are duplicates of this one. */
  readonly mergedDuplicates: PersistentSet;
  readonly articles: readonly string[];
  readonly satisfaction?: number;
}

const initial: CaseState = {
  status: 'none',
  overview: { kind: 'question', channel: 'web', priority: 'normal', status: 'new', openedAt: '' },
  title: '',
  escalations: 0,
  reopenings: 0,
  mergedDuplicates: PersistentSet.of(),
  articles: [],
};

/** Every event moves the overview on; waiting and snoozing end when the status says so. */
function moved(state: CaseState, data: CaseOverview): CaseState {
  const { contact, number, kind, category, channel, priority, queue, assignee, status, openedAt } = data;
  const overview = { contact, number, kind, category, channel, priority, queue, assignee, status, openedAt };
  return {
    ...state,
    status,
    overview,
    snoozedUntil: status === 'snoozed' ? state.snoozedUntil : undefined,
    party: status === 'pending-third-party' ? state.party : undefined,
  };
}

const WORDS = late();
const MOVED_ON = step();
const saying = (data: CaseOverview, { status }: CaseState): Dating => (data.status === status ? WORDS : MOVED_ON);

export const Case = aggregate<CaseState>()({
  name: 'case',
  initial,
  events: caseEvents,
  evolve: {
    caseOpened: (state, data) => ({ ...moved(state, data), title: data.title }),
    caseClassified: moved,
    caseAssigned: moved,
    caseTransferred: moved,
    casePriorityChanged: moved,
    caseRepliedToCustomer: moved,
    caseFirstResponseRecorded: (state, data, { occurredAt }) => ({
      ...moved(state, data),
      firstRespondedAt: occurredAt.toISOString(),
    }),
    caseCustomerReplied: moved,
    caseInternalNoteAdded: moved,
    caseCustomerAwaited: moved,
    caseCustomerReminded: moved,
    caseThirdPartyAwaited: (state, data) => ({ ...moved(state, data), party: data.party }),
    caseSnoozed: (state, data) => ({ ...moved(state, data), snoozedUntil: { until: data.until, zone: data.zone } }),
    caseResumed: moved,
    caseEscalated: (state, data) => ({ ...moved(state, data), escalations: data.level }),
    caseResolved: (state, data, { occurredAt }) => ({
      ...moved(state, data),
      resolution: data.resolution,
      resolvedAt: occurredAt.toISOString(),
    }),
    caseClosed: moved,
    caseReopened: (state, data) => ({
      ...moved(state, data),
      reopenings: data.reopenings,
      resolution: undefined,
      resolvedAt: undefined,
      duplicateOf: undefined,
    }),
    caseRejected: moved,
    caseMerged: (state, data) => ({ ...moved(state, data), duplicateOf: data.into }),
    caseDuplicateMerged: (state, data) => ({
      ...moved(state, data),
      mergedDuplicates: state.mergedDuplicates.add(data.merged),
    }),
    caseMergeUndone: (state, data) => ({
      ...moved(state, data),
      mergedDuplicates: state.mergedDuplicates.delete(data.reopened),
    }),
    caseArticleLinked: (state, data) => ({ ...moved(state, data), articles: [...state.articles, data.article] }),
    caseSatisfactionRecorded: (state, data) => ({ ...moved(state, data), satisfaction: data.score }),
  },
  // Words are often told late; where they move the case on, they are steps of it.
  dates: {
    caseRepliedToCustomer: saying,
    caseFirstResponseRecorded: saying,
    caseCustomerReplied: saying,
    caseInternalNoteAdded: late(),
    caseArticleLinked: late(),
    caseResolved: step({ marks: ['resolution'] }),
    caseSatisfactionRecorded: { follows: ['resolution', 'satisfaction'], marks: ['satisfaction'] },
  },
  // Fixed by the first event.
  subject: ({ overview }, id) => overview.contact ?? id,
});
