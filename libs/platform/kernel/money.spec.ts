import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Currency, ExactDecimal, isPayable, minorUnit, payable, plainDecimal, writtenDecimal } from './money.js';

const codes = Currency.options as string[];

describe('currencies', () => {
  it('are those of ISO 4217, without the codes that stand for no money', () => {
    for (const code of ['GBP', 'EUR', 'JPY', 'IRR', 'CNY', 'XCG']) expect(Currency.safeParse(code).success).toBe(true);
    for (const code of ['ZZZ', 'XXX', 'XTS', 'gbp', 'BTC', '']) expect(Currency.safeParse(code).success).toBe(false);
    expect(codes.length).toBeGreaterThan(170);
  });

  it('have the minor unit of ISO 4217, not that of the runtime', () => {
    const units = {
      GBP: '0.01',
      JPY: '1',
      KWD: '0.001',
      CLF: '0.0001',
      ISK: '1',
      IQD: '0.001',
      IRR: '0.01',
      HUF: '0.01',
    };
    expect(Object.fromEntries(Object.keys(units).map((code) => [code, minorUnit(code)]))).toEqual(units);
    const runtimes = new Intl.NumberFormat('en', { style: 'currency', currency: 'IQD' }).resolvedOptions();
    expect(runtimes.maximumFractionDigits).toBe(0);
  });

  it('that the standard withdrew have cents: what happened stays readable', () =>
    expect(minorUnit('DEM')).toBe('0.01'));
});

describe('what can be paid', () => {
  it('is rounded half a unit away from zero', () => {
    expect(['0.004', '0.005', '0.015', '0.999999', '-0.005', '-0.004'].map((each) => payable(each, 'GBP'))).toEqual([
      '0',
      '0.01',
      '0.02',
      '1',
      '-0.01',
      '0',
    ]);
    expect([payable('0.5', 'JPY'), payable('1234.4999', 'JPY'), payable('0.0005', 'KWD')]).toEqual([
      '1',
      '1234',
      '0.001',
    ]);
  });

  it('is a whole number of units, less than one from the exact amount, and stays as it is', () => {
    const amount = fc.tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.nat(12)).map(([n, scale]) => {
      const digits = String(n < 0n ? -n : n).padStart(scale + 1, '0');
      const at = digits.length - scale;
      return `${n < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? `.${digits.slice(at)}` : ''}`;
    });
    fc.assert(
      fc.property(amount, fc.constantFrom(...codes), (text, code) => {
        const paid = payable(text, code);
        expect(ExactDecimal.safeParse(paid).success).toBe(true);
        expect(isPayable(paid, code)).toBe(true);
        expect(payable(paid, code)).toBe(paid);
        expect(Math.abs(Number(paid) - Number(text))).toBeLessThanOrEqual(
          Number(minorUnit(code)) / 2 + Math.abs(Number(text)) * 1e-15,
        );
      }),
    );
  });
});

describe('a decimal', () => {
  const digits = { integers: 4, fractions: 3 };

  it('has one form, however it is written', () => {
    const written = writtenDecimal(digits);
    const forms = {
      '12.50': '12.5',
      '007': '7',
      '-0.0': '0',
      '0.100': '0.1',
      '1000': '1000',
      '-01.5': '-1.5',
      '3.000': '3',
    };
    for (const [text, form] of Object.entries(forms)) expect(written.parse(text)).toBe(form);
    for (const text of ['1e3', '.5', '1.', '+1', '1,5', '٣', ' 1', '12345', '0.0001', '']) {
      expect(written.safeParse(text).success).toBe(false);
    }
  });

  it('is stored and answered in that form only', () => {
    const stored = plainDecimal(digits);
    fc.assert(
      fc.property(fc.stringMatching(/^-?\d{1,4}(\.\d{1,3})?$/), (text) => {
        const form = writtenDecimal(digits).parse(text);
        expect(Number(form)).toBe(Number(text) === 0 ? 0 : Number(text));
        expect(stored.safeParse(text).success).toBe(text === form);
        expect(ExactDecimal.safeParse(text).success).toBe(text === form);
        expect(stored.parse(form)).toBe(form);
      }),
      { numRuns: 1000 },
    );
  });
});
