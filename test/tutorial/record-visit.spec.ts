import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { recordVisit } from './record-visit.command.js';
import { visitRecorded } from './visit.events.js';

const contact = '0198f3a0-1b2c-7d3e-8f40-123456789abc';
const recorded = visitRecorded({ contact, shop: 'yazd' });

describe('RecordVisit', () => {
  it('records a visit', () => specify(recordVisit).when({ contact, shop: 'yazd' }).then(recorded));
  it('refuses the same visit again', () =>
    specify(recordVisit).given(recorded).when({ contact, shop: 'yazd' }).refused('visit-is-new'));
  it('refuses a shop without a code', () => specify(recordVisit).when({ contact, shop: '' }).invalid('/shop'));
});
