import { describe, expect, it } from '@jest/globals';
import { registerContact } from '#operational/contacts/contact/register-contact.command.js';
import { commandsOf, Mapping } from './mapping.js';

const mapping = Mapping.parse({
  name: 'phone-book',
  commands: [
    {
      command: 'RegisterContact',
      key: { $column: 'id' },
      input: {
        name: { given: { $column: 'given' }, family: { $column: 'family' } },
        birthDate: { $column: 'birthday' },
        points: [{ reach: { kind: 'phone', number: { $column: 'phone' }, country: 'GB' } }],
      },
    },
  ],
});

describe('a phone book', () => {
  it.each([
    ['020 7946 0000', [{ number: '+442079460000' }]],
    ['\u202a+98 21 8877 6655\u202c', [{ number: '+982188776655' }]],
    ['020 7946 0000 ext. 12', [{ number: '+442079460000', extension: '12' }]],
    ['118 118', [{ number: '118118', country: 'GB' }]],
    ['', undefined],
  ])('is imported with a default country in its mapping: %s', (phone, reaches) => {
    const cells = { id: '1', given: '伟', family: '王', birthday: '1604-03-21', phone };
    const [command] = commandsOf(mapping, undefined, [{ number: 2, cells }], new Map());
    const input = registerContact.input.parse(command!.input) as any;
    expect(input.birthDate).toBe('--03-21');
    expect(input.points).toEqual(reaches?.map((reach) => ({ reach: { kind: 'phone', ...reach } })));
  });
});
