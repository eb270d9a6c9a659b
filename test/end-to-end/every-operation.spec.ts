import { everyOperation } from './every-operation.js';

everyOperation(6);
