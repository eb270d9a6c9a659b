import { describe, it } from '@jest/globals';
import { contactDuplicateMerged, contactDuplicateDismissed } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { dismissDuplicate } from './dismiss-duplicate.command.js';
import { archived, otherId, sara, specId } from '#test/fixtures/contacts.fixture.js';

const when = { other: otherId };
const dismissed = contactDuplicateDismissed(when);

describe('DismissDuplicate', () => {
  it('records that they are two', () =>
    specify(dismissDuplicate).given(sara).where('other', sara).when(when).then(dismissed));
  it('decides nothing when either says so', () => {
    specify(dismissDuplicate).given(sara, dismissed).where('other', sara).when(when).nothing();
    const before = contactDuplicateDismissed({ other: specId });
    specify(dismissDuplicate).given(sara).where('other', sara, before).when(when).nothing();
  });
  it('refuses itself, nobody, and what is merged into it', () => {
    specify(dismissDuplicate).given(sara).where('other', sara).when({ other: specId }).refused('another-contact');
    specify(dismissDuplicate).given(sara).when(when).refused('contact-exists');
    const mergedDuplicates = contactDuplicateMerged({ merged: otherId });
    specify(dismissDuplicate)
      .given(sara, mergedDuplicates)
      .where('other', sara)
      .when(when)
      .refused('not-merged-with-it');
  });
  it('refuses what is not current', () => {
    specify(dismissDuplicate).where('other', sara).when(when).refused('contact-exists');
    specify(dismissDuplicate).given(sara, archived).where('other', sara).when(when).refused('contact-not-archived');
  });
});
