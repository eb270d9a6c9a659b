import type { CommandDefinition } from '#platform/kernel/command.js';
import { amendOrder } from './amend-order.command.js';
import { attachOrder } from './attach-order.command.js';
import { cancelOrder } from './cancel-order.command.js';
import { completeOrder } from './complete-order.command.js';
import { confirmOrder } from './confirm-order.command.js';
import { detachOrder } from './detach-order.command.js';
import { holdOrder } from './hold-order.command.js';
import { placeDraftOrder } from './place-draft-order.command.js';
import { placeOrder } from './place-order.command.js';
import { recordFulfilment } from './record-fulfilment.command.js';
import { recordInvoice } from './record-invoice.command.js';
import { recordPayment } from './record-payment.command.js';
import { recordSale } from './record-sale.command.js';
import { refundPayment } from './refund-payment.command.js';
import { releaseOrder } from './release-order.command.js';

export const orderCommands: CommandDefinition[] = [
  placeOrder,
  placeDraftOrder,
  confirmOrder,
  holdOrder,
  releaseOrder,
  amendOrder,
  recordFulfilment,
  recordInvoice,
  recordPayment,
  refundPayment,
  completeOrder,
  cancelOrder,
  attachOrder,
  detachOrder,
  recordSale,
];
