import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { authorised, requested } from '#test/fixtures/sales.fixture.js';
import { authoriseReturn } from './authorise-return.command.js';

describe('AuthoriseReturn', () => {
  it('allows a requested return', () => specify(authoriseReturn).given(requested).when({}).then(authorised));
  it('refuses any other', () => {
    specify(authoriseReturn).when({}).refused('return-is-requested');
    specify(authoriseReturn).given(requested, authorised).when({}).refused('return-is-requested');
  });
});
