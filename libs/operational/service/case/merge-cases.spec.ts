import { describe, it } from '@jest/globals';
import { contactDuplicateMerged, contactMerged, contactMergeUndone } from '#contracts/contacts/contact.events.js';
import { caseDuplicateMerged, caseMerged, caseOpened } from '#contracts/service/case.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import { sara, thirdId as customerId } from '#test/fixtures/contacts.fixture.js';
import {
  as,
  closed,
  done,
  fresh,
  inProgress,
  merged,
  opened,
  otherId,
  rejected,
  resolved,
  specId,
} from '#test/fixtures/cases.fixture.js';
import { mergeCases } from './merge-cases.command.js';

const into = { into: otherId };

describe('MergeCases', () => {
  it('tells both', () =>
    specify(mergeCases)
      .given(opened)
      .where('into', ...inProgress)
      .when(into)
      .then(merged, at('into', caseDuplicateMerged({ ...as('in-progress'), merged: specId }))));
  it('merges into a closed case, which stays closed', () =>
    specify(mergeCases)
      .given(opened)
      .where('into', ...inProgress, resolved, closed)
      .when(into)
      .then(merged, at('into', caseDuplicateMerged({ ...as('closed'), merged: specId }))));
  it('refuses itself, nothing, a duplicate and a rejected case', () => {
    specify(mergeCases).given(opened).where('into', opened).when({ into: specId }).refused('another-case');
    specify(mergeCases).given(opened).when(into).refused('original-exists');
    specify(mergeCases).given(opened).where('into', opened, merged).when(into).refused('original-stands');
    specify(mergeCases).given(opened).where('into', opened, rejected).when(into).refused('original-stands');
  });
  it('refuses the case of another customer, and merges those of contacts of which one was merged into the other', () => {
    const other = { ...opened.data, contact: customerId };
    specify(mergeCases).given(opened).where('into', caseOpened(other)).when(into).refused('same-customer');
    specify(mergeCases)
      .given(opened)
      .where('contact', sara)
      .where('into', caseOpened(other))
      .when(into)
      .refused('same-customer');
    const { title: _title, ...overview } = other;
    const told = [merged, at('into', caseDuplicateMerged({ ...overview, merged: specId }))] as const;
    for (const past of [
      [sara, contactMerged({ into: customerId, previousStatus: 'identified' })],
      [sara, contactDuplicateMerged({ merged: customerId })],
    ]) {
      specify(mergeCases)
        .given(opened)
        .where('contact', ...past)
        .where('into', caseOpened(other))
        .when(into)
        .then(...told);
    }
    // Merged once, and undone.
    specify(mergeCases)
      .given(opened)
      .where(
        'contact',
        sara,
        contactDuplicateMerged({ merged: customerId }),
        contactMergeUndone({ unmerged: customerId }),
      )
      .where('into', caseOpened(other))
      .when(into)
      .refused('same-customer');
  });
  it('finds the customer of a case of nobody, and never takes a case from its customer', () => {
    const { contact: _contact, ...nobodys } = opened.data;
    const { title: _title, ...overview } = nobodys;
    specify(mergeCases)
      .given(caseOpened(nobodys))
      .where('into', opened)
      .when(into)
      .then(
        caseMerged({ ...overview, status: 'duplicate', into: otherId, previousStatus: 'new' }),
        at('into', caseDuplicateMerged({ ...fresh, merged: specId })),
      );
    specify(mergeCases).given(opened).where('into', caseOpened(nobodys)).when(into).refused('same-customer');
  });
  it('refuses what is not open', () => {
    specify(mergeCases).where('into', opened).when(into).refused('case-exists');
    for (const past of done)
      specify(mergeCases)
        .given(...past)
        .where('into', opened)
        .when(into)
        .refused('case-is-open');
  });
});
