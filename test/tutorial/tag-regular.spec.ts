import { describe, it } from '@jest/globals';
import { tagContact } from '#operational/contacts/contact/tag-contact.command.js';
import { specifyPolicy, to } from '#test/fixtures/specify-policy.js';
import { tagRegular } from './tag-regular.policy.js';
import { visitRecorded } from './visit.events.js';

const contact = '0198f3a0-1b2c-7d3e-8f40-123456789abc';
const visit = (n: number) => to(`0198f3a0-1b2c-7d3e-8f40-00000000000${n}`, visitRecorded({ contact, shop: 'yazd' }));
const regular = tagContact.for(contact, { tags: ['regular'] });
const tag = specifyPolicy(tagRegular).about(contact);

describe('tag-regular', () => {
  it('tags who comes for the third time', () => {
    tag.given(visit(1), visit(2)).when(visit(3)).sends(regular);
  });
  it('sends nothing before, and nothing after', () => {
    tag.given(visit(1)).when(visit(2)).sendsNothing();
    tag.given(visit(1), visit(2), visit(3)).when(visit(4)).sendsNothing();
  });
});
