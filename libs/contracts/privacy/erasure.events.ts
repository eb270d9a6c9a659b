import { z } from 'zod';
import { defineEvent, open, RETENTION_CLASSES } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { Code } from '../terms.js';

/**
 * The personal data of its subject are to be erased, wherever they are kept: what came about this subject at or before
 * this event, in these retention classes. What comes later is new. A person whose contacts were merged has several
 * subjects, and so several of these events, of one request.
 */
export const erasureOrdered = defineEvent({
  type: 'crm.privacy.erasure.ordered',
  fields: {
    /** The request that it was ordered for; the same for all subjects of one person. */
    request: open(Id),
    classes: open(z.array(z.enum(RETENTION_CLASSES)).min(1).max(RETENTION_CLASSES.length)),
    /** Why it may be done: `requested`, `retention-ended`. */
    ground: open(Code, 'shown'),
  },
});
