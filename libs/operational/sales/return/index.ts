import type { CommandDefinition } from '#platform/kernel/command.js';
import { authoriseReturn } from './authorise-return.command.js';
import { closeReturn } from './close-return.command.js';
import { denyReturn } from './deny-return.command.js';
import { exchangeReturn } from './exchange-return.command.js';
import { inspectReturn } from './inspect-return.command.js';
import { receiveReturn } from './receive-return.command.js';
import { recordCreditNote } from './record-credit-note.command.js';
import { refundReturn } from './refund-return.command.js';
import { requestReturn } from './request-return.command.js';

export const returnCommands: CommandDefinition[] = [
  requestReturn,
  authoriseReturn,
  denyReturn,
  receiveReturn,
  inspectReturn,
  refundReturn,
  exchangeReturn,
  closeReturn,
  recordCreditNote,
];
