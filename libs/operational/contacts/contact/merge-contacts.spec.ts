import { describe, it } from '@jest/globals';
import { contactDuplicateMerged, contactBlocked, contactMerged } from '#contracts/contacts/contact.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import {
  acme,
  anonymous,
  archived,
  blocked,
  merged,
  otherId,
  sara,
  specId,
  thirdId,
} from '#test/fixtures/contacts.fixture.js';
import { mergeContacts } from './merge-contacts.command.js';

const into = { into: otherId };
const mergedDuplicates = at('into', contactDuplicateMerged({ merged: specId }));

describe('MergeContacts', () => {
  it('tells both, and what the status was', () => {
    specify(mergeContacts).given(sara).where('into', sara).when(into).then(merged, mergedDuplicates);
    specify(mergeContacts)
      .given(sara, archived)
      .where('into', sara, archived)
      .when(into)
      .then(contactMerged({ into: otherId, previousStatus: 'archived' }), mergedDuplicates);
  });
  it('merges one that has aliases of its own', () =>
    specify(mergeContacts)
      .given(sara, contactDuplicateMerged({ merged: thirdId }))
      .where('into', sara)
      .when(into)
      .then(merged, mergedDuplicates));
  it('refuses to merge twice, into an alias, into itself, into nobody', () => {
    specify(mergeContacts).given(sara, merged).where('into', sara).when(into).refused('contact-not-merged');
    specify(mergeContacts).given(sara).where('into', sara, merged).when(into).refused('survivor-not-merged');
    specify(mergeContacts).given(sara).where('into', sara).when({ into: specId }).refused('another-contact');
    specify(mergeContacts).given(sara).when(into).refused('contact-exists');
    specify(mergeContacts).where('into', sara).when(into).refused('contact-exists');
  });
  it('refuses a person to become a company, unless the kind was only a guess', () => {
    specify(mergeContacts).given(sara).where('into', acme).when(into).refused('same-kind');
    specify(mergeContacts)
      .given(anonymous)
      .where('into', acme)
      .when(into)
      .then(contactMerged({ into: otherId, previousStatus: 'anonymous' }), mergedDuplicates);
  });
  it('refuses to put a contact away by a merge', () =>
    specify(mergeContacts).given(sara).where('into', sara, archived).when(into).refused('survivor-not-archived'));
  it('refuses to lose a block', () => {
    specify(mergeContacts).given(sara, blocked).where('into', sara).when(into).refused('block-not-lost');
    const other = contactBlocked({ reason: 'debt', status: 'blocked', previousStatus: 'identified' });
    specify(mergeContacts)
      .given(sara, blocked)
      .where('into', sara, other)
      .when(into)
      .then(contactMerged({ into: otherId, previousStatus: 'blocked' }), mergedDuplicates);
  });
});
