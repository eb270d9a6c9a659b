import { describe, it } from '@jest/globals';
import {
  contactActivated,
  contactLifecycleStageChanged,
  contactMerged,
  contactPurchasesNoted,
} from '#contracts/contacts/contact.events.js';
import type { LifecycleStage } from '#contracts/contacts/contact-terms.js';
import { archived, anonymous, merged, otherId, sara, specId, thirdId } from '#test/fixtures/contacts.fixture.js';
import { specify } from '#test/fixtures/specify.js';
import { notePurchases } from './note-purchases.command.js';

const becomes = (stage: LifecycleStage, previousStage: LifecycleStage) =>
  contactLifecycleStageChanged({ stage, previousStage });
const active = contactActivated({ by: 'business', status: 'active' });
const noted = (has: boolean, of = specId, endedStage?: LifecycleStage) =>
  contactPurchasesNoted({ of, has, endedStage });
const bought = [becomes('customer', 'lead'), active, noted(true, specId, 'lead')];
const aliasOf = contactMerged({ into: specId, previousStatus: 'identified' });
const note = (of: string, has?: boolean) => ({ of, ...(has === undefined ? {} : { has }) });

describe('NotePurchases', () => {
  it('makes a customer of who buys for the first time, and of an identified contact an active one', () => {
    specify(notePurchases)
      .given(sara)
      .when(note(specId, true))
      .then(...bought);
    const first = [becomes('customer', 'visitor'), noted(true, specId, 'visitor')];
    specify(notePurchases)
      .given(anonymous)
      .when(note(specId, true))
      .then(...first);
  });
  it('goes back to the stage before, when the last of what was bought has come back', () => {
    const back = [becomes('lead', 'customer'), noted(false)];
    specify(notePurchases)
      .given(sara, ...bought)
      .when(note(specId, false))
      .then(...back);
    const two = [sara, ...bought, noted(true, thirdId)];
    specify(notePurchases)
      .given(...two)
      .when(note(specId, false))
      .then(noted(false));
    specify(notePurchases)
      .given(...two, noted(false))
      .when(note(thirdId, false))
      .then(becomes('lead', 'customer'), noted(false, thirdId));
    // And on again with the next one.
    const again = [becomes('customer', 'lead'), noted(true, specId, 'lead')];
    specify(notePurchases)
      .given(sara, ...bought, ...back)
      .when(note(specId, true))
      .then(...again);
  });
  it('leaves what somebody has set: further stages, and a customer who was made one by hand', () => {
    for (const stage of ['customer', 'loyal', 'lapsed'] as const) {
      const set = [sara, becomes(stage, 'lead')];
      specify(notePurchases)
        .given(...set)
        .when(note(specId, true))
        .then(noted(true));
      specify(notePurchases)
        .given(...set, noted(true))
        .when(note(specId, false))
        .then(noted(false));
    }
    const loyal = [sara, ...bought, becomes('loyal', 'customer')];
    specify(notePurchases)
      .given(...loyal)
      .when(note(specId, false))
      .then(noted(false));
    const byHand = [...loyal, becomes('customer', 'loyal')];
    specify(notePurchases)
      .given(...byHand)
      .when(note(specId, false))
      .then(noted(false));
  });
  it('decides nothing for what is noted already', () => {
    specify(notePurchases)
      .given(sara, ...bought)
      .when(note(specId, true))
      .nothing();
    specify(notePurchases).given(sara).when(note(specId, false)).nothing();
  });
  it('takes over what is noted with a contact that was merged, and refuses what is none any more', () => {
    const alias = [sara, noted(true, thirdId), aliasOf];
    specify(notePurchases)
      .given(sara)
      .where('of', ...alias)
      .when(note(otherId))
      .then(becomes('customer', 'lead'), active, noted(true, otherId, 'lead'));
    specify(notePurchases).given(sara).where('of', sara, aliasOf).when(note(otherId)).nothing();
    const another = specify(notePurchases).given(sara).where('of', sara);
    another.when(note(otherId, true)).refused('purchases-of-this-contact');
    another.when(note(otherId, false)).nothing();
  });
  it('notes what has happened also where the contact is archived, and refuses an alias', () => {
    specify(notePurchases)
      .given(sara, archived)
      .when(note(specId, true))
      .then(
        becomes('customer', 'lead'),
        contactActivated({ by: 'business', status: 'archived' }),
        noted(true, specId, 'lead'),
      );
    specify(notePurchases).given(sara, merged).when(note(specId, true)).refused('contact-not-merged');
    specify(notePurchases).when(note(specId, true)).refused('contact-exists');
  });
});
