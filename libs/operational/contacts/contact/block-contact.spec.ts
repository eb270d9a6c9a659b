import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { blockContact } from './block-contact.command.js';
import { archived, blocked, merged, sara } from '#test/fixtures/contacts.fixture.js';

const when = { reason: 'fraud' };

describe('BlockContact', () => {
  it('blocks', () => specify(blockContact).given(sara).when(when).then(blocked));
  it('decides nothing for what is blocked', () => specify(blockContact).given(sara, blocked).when(when).nothing());
  it('refuses what is not current, and free text for a reason', () => {
    specify(blockContact).when(when).refused('contact-exists');
    specify(blockContact).given(sara, archived).when(when).refused('contact-not-archived');
    specify(blockContact).given(sara, merged).when(when).refused('contact-not-merged');
    specify(blockContact).given(sara).when({ reason: 'Sara shouted' }).invalid('/reason');
  });
});
