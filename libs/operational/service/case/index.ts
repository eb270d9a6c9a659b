import type { CommandDefinition } from '#platform/kernel/command.js';
import { addInternalNote } from './add-internal-note.command.js';
import { assignCase } from './assign-case.command.js';
import { awaitCustomer } from './await-customer.command.js';
import { awaitThirdParty } from './await-third-party.command.js';
import { changePriority } from './change-priority.command.js';
import { classifyCase } from './classify-case.command.js';
import { closeCase } from './close-case.command.js';
import { escalateCase } from './escalate-case.command.js';
import { linkArticle } from './link-article.command.js';
import { mergeCases } from './merge-cases.command.js';
import { openCase } from './open-case.command.js';
import { recordCustomerReply } from './record-customer-reply.command.js';
import { recordSatisfaction } from './record-satisfaction.command.js';
import { rejectCase } from './reject-case.command.js';
import { remindCustomer } from './remind-customer.command.js';
import { reopenCase } from './reopen-case.command.js';
import { replyToCustomer } from './reply-to-customer.command.js';
import { resolveCase } from './resolve-case.command.js';
import { resumeCase } from './resume-case.command.js';
import { snoozeCase } from './snooze-case.command.js';
import { transferCase } from './transfer-case.command.js';

export const caseCommands: CommandDefinition[] = [
  openCase,
  classifyCase,
  assignCase,
  transferCase,
  changePriority,
  replyToCustomer,
  recordCustomerReply,
  addInternalNote,
  awaitCustomer,
  remindCustomer,
  awaitThirdParty,
  snoozeCase,
  resumeCase,
  escalateCase,
  resolveCase,
  closeCase,
  reopenCase,
  rejectCase,
  mergeCases,
  linkArticle,
  recordSatisfaction,
];
