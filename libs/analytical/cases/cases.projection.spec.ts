import { describe, expect, it } from '@jest/globals';
import { eventContracts } from '#contracts/index.js';
import { cases } from './cases.projection.js';

describe('cases, the fold', () => {
  it('handles every event of cases, whose rows they all change', () => {
    const all = eventContracts.map(({ type }) => type).filter((type) => type.startsWith('crm.service.case.'));
    expect([...cases.handlers.keys()].toSorted()).toEqual(all.toSorted());
  });
});
