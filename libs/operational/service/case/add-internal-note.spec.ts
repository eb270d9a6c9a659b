import { describe, it } from '@jest/globals';
import { caseInternalNoteAdded } from '#contracts/service/case.events.js';
import { specify } from '#test/fixtures/specify.js';
import { addInternalNote } from './add-internal-note.command.js';
import { as, closed, fresh, inProgress, opened, resolved } from '#test/fixtures/cases.fixture.js';

describe('AddInternalNote', () => {
  it('adds a note whatever the status', () => {
    specify(addInternalNote)
      .given(opened)
      .when({ text: ' Handle gently ' })
      .then(caseInternalNoteAdded({ ...fresh, text: 'Handle gently' }));
    specify(addInternalNote)
      .given(...inProgress, resolved, closed)
      .when({ text: 'The potter knew' })
      .then(caseInternalNoteAdded({ ...as('closed'), text: 'The potter knew' }));
  });
  it('refuses a case that does not exist, and a note too long', () => {
    specify(addInternalNote).when({ text: 'x' }).refused('case-exists');
    specify(addInternalNote)
      .given(opened)
      .when({ text: 'x'.repeat(50_001) })
      .invalid('/text');
  });
});
