import { z } from 'zod';
import { contactLifecycleStageChanged } from '#contracts/contacts/contact.events.js';
import { LifecycleStage } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { activatedBy, inBusiness, assertCurrent } from './contact.rules.js';

/** Who once bought does not become a lead again, only lapsed and won back. */
const NEXT: Record<LifecycleStage, readonly LifecycleStage[]> = {
  visitor: ['lead', 'prospect', 'customer'],
  lead: ['prospect', 'customer'],
  prospect: ['lead', 'customer'],
  customer: ['loyal', 'lapsed'],
  loyal: ['customer', 'lapsed'],
  lapsed: ['customer', 'loyal'],
};

export const changeLifecycleStage = command({
  name: 'ChangeLifecycleStage',
  summary: 'Moves the contact to another stage of its life as a customer',
  on: Contact,
  route: 'PUT /v1/contacts/:id/stage',
  input: z.strictObject({ stage: LifecycleStage }),
  decide: (contact, { stage }) => {
    assertCurrent(contact);
    const { stage: previousStage } = contact;
    if (stage === previousStage) return;
    rule('stage-follows', NEXT[previousStage].includes(stage), `a ${previousStage} does not become a ${stage}`);
    const changed = contactLifecycleStageChanged({ stage, previousStage });
    return inBusiness(stage) ? [changed, ...activatedBy(contact, 'business')] : changed;
  },
});
