import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ContactPoint, EmailAddress } from './contact-point.js';

const phone = (number: string, more: object = {}): unknown => {
  const { kind: _kind, ...point } = ContactPoint.parse({ kind: 'phone', number, ...more });
  return point;
};
const MARKS = ['\u200e', '\u200f', '\u202a', '\u202c', '\u200b', '\u2060', '\ufeff', '\u00ad', '\u2066', '\u3164'];

describe('a telephone number', () => {
  it.each([
    ['+44 20 7946 0000', '+442079460000'],
    ['+44 (0)20 7946 0000', '+442079460000'],
    ['0044 20-7946.0000', '+442079460000'],
    ['+1 (415) 555-2671', '+14155552671'],
    ['+۹۸ ۲۱ ۸۸۷۷ ۶۶۵۵', '+982188776655'],
    ['+٩٨٢١٨٨٧٧٦٦٥٥', '+982188776655'],
    ['+९१ ९८७६५ ४३२१०', '+919876543210'],
    ['＋86 10 1234 5678', '+861012345678'],
    ['\u202a+442079460000\u202c', '+442079460000'],
    ['+44\u00a020\u20117946\u20130000\u200f', '+442079460000'],
    ['tel:+44-20-7946-0000', '+442079460000'],
  ])('%s is %s', (written, number) => expect(phone(written)).toEqual({ number }));

  it.each([
    ['+44 20 7946 0000 ext. 5', '+442079460000', '5'],
    ['+44 20 7946 0000 x55', '+442079460000', '55'],
    ['tel:+44-20-7946-0000;ext=5', '+442079460000', '5'],
    ['+98 21 8877 6655 داخلی ۱۲', '+982188776655', '12'],
    ['+81 3 1234 5678 内線5', '+81312345678', '5'],
    ['+86 10 1234 5678转801', '+861012345678', '801'],
  ])('%s keeps its extension', (written, number, extension) => expect(phone(written)).toEqual({ number, extension }));

  it.each([
    ['020 7946 0000', 'GB', { number: '+442079460000' }],
    ['020 7946 0000 ext 9', 'GB', { number: '+442079460000', extension: '9' }],
    ['۰۹۱۲ ۳۴۵ ۶۷۸۹', 'IR', { number: '+989123456789' }],
    ['011 44 20 7946 0000', 'US', { number: '+442079460000' }],
    ['0044 20 7946 0000', 'DE', { number: '+442079460000' }],
    // What has its country code says its country itself.
    ['+1 415 555 2671', 'GB', { number: '+14155552671' }],
    // Only dialled in the country.
    ['118 118', 'GB', { number: '118118', country: 'GB' }],
    ['22022', 'DE', { number: '22022', country: 'DE' }],
    ['110', 'DE', { number: '110', country: 'DE' }],
    ['۳۰۰۰۳۰۰۰', 'IR', { number: '30003000', country: 'IR' }],
    ['555-0000', 'US', { number: '5550000', country: 'US' }],
  ])('%s in %s is kept', (written, country, kept) => expect(phone(written, { country })).toEqual(kept));

  it('takes an extension that stands apart', () => {
    expect(phone('+44 20 7946 0000', { extension: ' ۵۵\u200f' })).toEqual({ number: '+442079460000', extension: '55' });
    expect(phone('+44 20 7946 0000 x55', { extension: '55' })).toEqual({ number: '+442079460000', extension: '55' });
    expect(ContactPoint.safeParse({ kind: 'phone', number: '+44 20 7946 0000 x5', extension: '55' }).success).toBe(
      false,
    );
  });

  it.each(['020 7946 0000', '12345', '+999 1234567', '+1 555 0000', 'call me', '+', '', '\u200f'])(
    'is not %j without a country',
    (number) => {
      const { error } = ContactPoint.safeParse({ kind: 'phone', number });
      expect(error?.issues.map(({ path }) => path)).toEqual([['number']]);
    },
  );
  it.each([
    ['call me', 'GB'],
    ['+12', 'GB'],
    ['123456789012345678', 'GB'],
    ['12345', 'ZZ'],
  ])('is not %s in %s', (number, country) =>
    expect(ContactPoint.safeParse({ kind: 'phone', number, country }).success).toBe(false),
  );

  it('is the same when it is read again, and whatever marks stand in it', () => {
    const digits = fc.constantFrom('۰۱۲۳۴۵۶۷۸۹', '0123456789', '٠١٢٣٤٥٦٧٨٩', '०१२३४५६७८९', '０１２３４５６７８９');
    const written = fc.constantFrom('+442079460000', '02079460000', '118118', '+442079460000 x5', '0911 123');
    const parted = fc.array(fc.tuple(fc.nat(20), fc.constantFrom(...MARKS)), { maxLength: 5 });
    fc.assert(
      fc.property(written, digits, parted, (number, row, marks) => {
        const chars = [...number].map((each) => (/\d/.test(each) ? [...row][Number(each)]! : each));
        for (const [at, mark] of marks) chars.splice(at, 0, mark);
        const read = phone(chars.join(''), { country: 'GB' }) as { number: string };
        expect(read).toEqual(phone(number, { country: 'GB' }));
        expect(phone(read.number, { ...read })).toEqual(read);
      }),
    );
  });
});

describe('an e-mail address', () => {
  it.each([
    [' Sara@Example.COM ', 'sara@example.com'],
    ['info@münchen.de', 'info@münchen.de'],
    ['info@xn--mnchen-3ya.de', 'info@münchen.de'],
    ['علی@مثال.ایران', 'علی@مثال.ایران'],
    ['sara@example.com\u200f', 'sara@example.com'],
    ['\u202asara\u200b@exa\u200cmple.com\u202c', 'sara@example.com'],
    ['ｓａｒａ＠ｅｘａｍｐｌｅ．ｃｏｍ', 'sara@example.com'],
    ['sara۲@example۳.com', 'sara2@example3.com'],
    ['علی۲@مثال.ایران', 'علی۲@مثال.ایران'],
    // A joiner makes another domain here, and IDNA admits it.
    ['info@نامه\u200cای.com', 'info@نامه\u200cای.com'],
  ])('%s is %s', (written, address) => expect(EmailAddress.parse(written)).toBe(address));

  it.each(['sara', 'sara@', '@example.com', 'a b@example.com', 'sara@exa mple.com', '\u200f@example.com', 'a@\u200b'])(
    'is not %s',
    (written) => expect(EmailAddress.safeParse(written).success).toBe(false),
  );

  it('is the same when it is read again, and whatever marks stand in it', () => {
    const written = fc.constantFrom('Sara.K+shop@example.com', 'info@münchen.de', 'علی@مثال.ایران');
    fc.assert(
      fc.property(written, fc.array(fc.tuple(fc.nat(20), fc.constantFrom(...MARKS))), (address, marks) => {
        const chars = [...address];
        for (const [at, mark] of marks) chars.splice(at, 0, mark);
        const read = EmailAddress.parse(chars.join(''));
        expect(read).toBe(EmailAddress.parse(address));
        expect(EmailAddress.parse(read)).toBe(read);
      }),
    );
  });
});
