import { describe, it } from '@jest/globals';
import {
  contactDuplicateMerged,
  contactMerged,
  contactMergeUndone,
  contactUnmerged,
} from '#contracts/contacts/contact.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import { archived, merged, otherId, sara, specId, thirdId } from '#test/fixtures/contacts.fixture.js';
import { unmergeContacts } from './unmerge-contacts.command.js';

const from = { from: otherId };
const unmerged = contactUnmerged({ from: otherId, status: 'identified' });
const released = at('from', contactMergeUndone({ unmerged: specId }));
const mergedDuplicates = contactDuplicateMerged({ merged: specId });

describe('UnmergeContacts', () => {
  it('tells both, and what the status is again', () => {
    specify(unmergeContacts)
      .given(sara, merged)
      .where('from', sara, mergedDuplicates)
      .when(from)
      .then(unmerged, released);
    specify(unmergeContacts)
      .given(sara, archived, merged)
      .where('from', sara, mergedDuplicates)
      .when(from)
      .then(contactUnmerged({ from: otherId, status: 'archived' }), released);
  });
  it('works when the survivor was itself merged since', () =>
    specify(unmergeContacts)
      .given(sara, merged)
      .where('from', sara, mergedDuplicates, contactMerged({ into: thirdId, previousStatus: 'identified' }))
      .when(from)
      .then(unmerged, released));
  it('refuses what is not merged, or not into that one', () => {
    specify(unmergeContacts).given(sara).where('from', sara).when(from).refused('merged-into-it');
    specify(unmergeContacts).given(sara, merged).where('from', sara).when({ from: thirdId }).refused('merged-into-it');
    specify(unmergeContacts).given(sara, merged, unmerged).where('from', sara).when(from).refused('merged-into-it');
    specify(unmergeContacts).where('from', sara).when(from).refused('contact-exists');
  });
});
