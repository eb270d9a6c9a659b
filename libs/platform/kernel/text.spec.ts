import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasNoControls, isVisible, plain, plainDigits, shown, spellingOf } from './text.js';

/** What was found in texts that look empty, or like another text. */
const UNSEEN = [
  ...['\u200b', '\u200c', '\u200d', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
  ...['\u2060', '\u2061', '\u2064', '\u2066', '\u2067', '\u2068', '\u2069', '\u206a', '\ufeff', '\u00ad', '\u061c'],
  ...['\u034f', '\u115f', '\u1160', '\u17b4', '\u180b', '\u180e', '\u3164', '\uffa0', '\ufe0f', '\ufff9'],
  ...['\u{e0001}', '\u{e0041}', '\u{e0100}', '\u{1d173}', '\u{1bca0}'],
];
const BLANKS = [
  ' ',
  '\t',
  '\n',
  '\r\n',
  '\u0085',
  '\u00a0',
  '\u1680',
  '\u2003',
  '\u2028',
  '\u202f',
  '\u3000',
  '\u2800',
];

const letters = [...'aZé1۲٢２ｅﾃ王太郎한글سلامیيكک葛ß❤👩🔬क्ष', '\u0301', 'ﬁ', '①'];
const text = fc
  .array(fc.constantFrom(...UNSEEN, ...BLANKS, ...letters, ...letters, ...letters), { maxLength: 12 })
  .map((parts) => parts.join(''));

describe('a visible character', () => {
  it.each([...UNSEEN, ...BLANKS, '', '\u0301', '\u{1d159}', '\ufffc', '\ufdd0', '\u0007'])('is not %j', (character) =>
    expect(isVisible(`${character} ${character}`)).toBe(false),
  );
  it.each(['a', '.', '王', 'ی', '\u2801', '👍', '\ue000', '\u200fa\u200f', '½'])('is in %j', (seen) =>
    expect(isVisible(seen)).toBe(true),
  );
});

describe('a text as it is shown', () => {
  it.each([
    ['\u202aSara\u202c \u200f', 'Sara'],
    ['  Sara\u00a0\t Karimi\u3000', 'Sara Karimi'],
    ['Sa\u200cra\u00ad', 'Sara'],
    ['Jose\u0301', 'José'],
    // A joiner that is seen: without it the word is written otherwise.
    ['\u200cمی\u200c\u200cرود\u200c', 'می\u200cرود'],
    ['क्\u200dष', 'क्\u200dष'],
    ['葛\u{e0100}城\ufe0f', '葛\u{e0100}城\ufe0f'],
    ['👩\u200d🔬 ❤\ufe0f', '👩\u200d🔬 ❤\ufe0f'],
    ['👩🏽\u200d🔬', '👩🏽\u200d🔬'],
    ['ـ\u200f', 'ـ'],
  ])('%j is %j', (written, seen) => expect(shown(written)).toBe(seen));

  it('is itself when it is tidied again, whatever it was', () =>
    fc.assert(fc.property(text, (any) => expect(shown(shown(any))).toBe(shown(any)))));

  it('says the same as before, but for what is not seen', () =>
    fc.assert(fc.property(text, (any) => expect(spellingOf(shown(any))).toBe(spellingOf(any)))));
});

describe('a key', () => {
  it.each([
    ['\u202a۱۲۳\u202c', '123'],
    ['१२३-٤٥', '123-45'],
    ['ＡＢ－１２', 'AB-12'],
    ['ab\u200bCD', 'abCD'],
    ['𝟘𝟙𝟚𝟛', '0123'],
    ['می\u200cرود', 'میرود'],
    ['1001 ', '1001'],
  ])('%j is %j', (written, key) => expect(plain(written)).toBe(key));

  it('is itself when it is spelled plainly again', () =>
    fc.assert(
      fc.property(text, (any) => {
        expect(plain(plain(any))).toBe(plain(any));
        expect(spellingOf(spellingOf(any))).toBe(spellingOf(any));
      }),
    ));

  it('does not change by what nobody sees, wherever it stands', () =>
    fc.assert(
      fc.property(text, text, fc.constantFrom(...UNSEEN), (a, b, mark) => {
        // Two halves that compose would be parted by the mark in the one spelling and not in the other.
        fc.pre(!/^\p{M}/u.test(b));
        expect(plain(`${mark}${a}${mark}${b}${mark}`)).toBe(plain(a + b));
        expect(shown(`\u200f${a}\u200e`)).toBe(shown(a));
      }),
    ));

  it('has the digits of every script by their value', () => {
    const digit = /\p{Nd}/u;
    let found = 0;
    for (let code = 0; code < 0x20000; code++) {
      const text = String.fromCodePoint(code);
      if (!digit.test(text)) continue;
      found++;
      const value = new Intl.NumberFormat('en').format(Number(plainDigits(text)));
      // Compatibility digits tell their own value; the others follow from their row.
      if (/^[0-9]$/.test(text.normalize('NFKC'))) expect(value).toBe(text.normalize('NFKC'));
      expect(plainDigits(text)).toMatch(/^[0-9]$/);
    }
    expect(found).toBeGreaterThan(600);
    for (const system of ['arab', 'arabext', 'beng', 'deva', 'fullwide', 'khmr', 'mymr', 'thai', 'tibt', 'mathsans']) {
      const written = new Intl.NumberFormat(`en-u-nu-${system}`, { useGrouping: false }).format(9876543210);
      expect(plainDigits(written)).toBe('9876543210');
    }
  });
});

describe('control characters', () => {
  it('are found; line breaks and tabs are blanks', () => {
    expect(hasNoControls('a\tb\r\nc\u0085')).toBe(true);
    expect(['O\u0092Brien', '\u001b[1m', 'a\u007f'].map(hasNoControls)).toEqual([false, false, false]);
  });
});
