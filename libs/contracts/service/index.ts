import type { EventContract } from '#platform/kernel/event-contract.js';
import * as events from './case.events.js';

/** All events of the service context. */
export const serviceEvents: EventContract<any>[] = [
  events.caseOpened,
  events.caseClassified,
  events.caseAssigned,
  events.caseTransferred,
  events.casePriorityChanged,
  events.caseRepliedToCustomer,
  events.caseFirstResponseRecorded,
  events.caseCustomerReplied,
  events.caseInternalNoteAdded,
  events.caseCustomerAwaited,
  events.caseThirdPartyAwaited,
  events.caseSnoozed,
  events.caseResumed,
  events.caseEscalated,
  events.caseResolved,
  events.caseClosed,
  events.caseReopened,
  events.caseRejected,
  events.caseMerged,
  events.caseDuplicateMerged,
  events.caseMergeUndone,
  events.caseArticleLinked,
  events.caseSatisfactionRecorded,
];
