import { describe, expect, it } from '@jest/globals';
import { EmailAddress, PhoneNumber } from './contact-point.js';

describe('a telephone number', () => {
  it.each([
    ['+44 20 7946 0000', '+442079460000'],
    ['+44 (0)20 7946 0000', '+442079460000'],
    ['0044 20-7946.0000', '+442079460000'],
    ['+1 (415) 555-2671', '+14155552671'],
    ['+۹۸ ۲۱ ۸۸۷۷ ۶۶۵۵', '+982188776655'],
    ['+٩٨٢١٨٨٧٧٦٦٥٥', '+982188776655'],
    ['＋86 10 1234 5678', '+861012345678'],
  ])('%s is %s', (written, number) => expect(PhoneNumber.parse(written)).toBe(number));

  it.each(['020 7946 0000', '+999 1234567', '+1 555 0000', '+44 20 7946 0000 ext. 5', 'call me', '+', ''])(
    'is not %s',
    (written) => expect(PhoneNumber.safeParse(written).success).toBe(false),
  );
});

describe('an e-mail address', () => {
  it.each([
    [' Sara@Example.COM ', 'sara@example.com'],
    ['info@münchen.de', 'info@münchen.de'],
    ['info@xn--mnchen-3ya.de', 'info@münchen.de'],
    ['علی@مثال.ایران', 'علی@مثال.ایران'],
  ])('%s is %s', (written, address) => expect(EmailAddress.parse(written)).toBe(address));

  it.each(['sara', 'sara@', '@example.com', 'a b@example.com', 'sara@exa mple.com'])('is not %s', (written) =>
    expect(EmailAddress.safeParse(written).success).toBe(false),
  );
});
