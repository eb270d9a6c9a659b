import { z } from 'zod';
import { contactLifecycleStageChanged, contactPurchasesNoted } from '#contracts/contacts/contact.events.js';
import type { LifecycleStage } from '#contracts/contacts/contact-terms.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from './contact.aggregate.js';
import { activatedBy, assertNotMerged } from './contact.rules.js';

/** Aliases and walk-in orders whose purchases are noted with one contact. */
export const MAX_PURCHASES_OF = 100_000;

/** Who buys is none of these any more. Further stages were set by somebody, and so was `lapsed`: they stay. */
const BEFORE_CUSTOMER: readonly LifecycleStage[] = ['visitor', 'lead', 'prospect'];

export const notePurchases = command({
  name: 'NotePurchases',
  summary:
    'Notes whether a contact, an alias of it, or a walk-in order that is attached to it has bought something that did ' +
    'not all come back. With the first the contact becomes a customer; when none is left it goes back to the stage that ' +
    'it was in, unless somebody has set another since. A policy sends it',
  on: Contact,
  route: 'PUT /v1/contacts/:id/purchases',
  input: z.strictObject({
    of: Id.meta({ description: 'Whose: the contact itself, one that was merged into it, or an order' }),
    has: z.boolean().optional().meta({ description: 'Left out: as it is noted with the contact that was merged' }),
  }),
  refs: { of: reference(Contact, (input: { of: string }) => input.of) },
  decide: (contact, { of, has: told }, { id, refs }) => {
    assertNotMerged(contact);
    const other = refs.of?.state;
    // It was merged when this was sent, and is not any more.
    const isAlias = of === id || !other || other.status === 'none' || other.mergedInto !== null;
    const has = told ?? (other !== undefined && other.purchasesOf.size > 0);
    rule('purchases-of-this-contact', isAlias || !has, `${of} is another contact`);
    if (has === contact.purchasesOf.has(of)) return;
    const { stage, endedStage, purchasesOf } = contact;
    if (has) {
      rule('purchases-within-limit', purchasesOf.size < MAX_PURCHASES_OF, `at most ${MAX_PURCHASES_OF} are noted`);
      if (!BEFORE_CUSTOMER.includes(stage)) return contactPurchasesNoted({ of, has });
      return [
        contactLifecycleStageChanged({ stage: 'customer', previousStage: stage }),
        ...activatedBy(contact, 'business'),
        contactPurchasesNoted({ of, has, endedStage: stage }),
      ];
    }
    const noted = contactPurchasesNoted({ of, has });
    const isLast = purchasesOf.size === 1;
    // Nobody has set a stage since the purchases did, else there were none to go back to.
    if (!isLast || stage !== 'customer' || endedStage === null) return noted;
    return [contactLifecycleStageChanged({ stage: endedStage, previousStage: stage }), noted];
  },
});
