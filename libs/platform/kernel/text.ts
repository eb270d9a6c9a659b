/** Characters that nobody sees and that only say how others are shown: marks of direction, joiners, fillers, tags. */
const UNSEEN = String.raw`\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\uFFF9-\uFFFB`;
/** Blanks of every kind; the empty cell of Braille is one, although Unicode takes it for a symbol. */
const BLANK = String.raw`\p{White_Space}\u2800`;
/** Symbols and letters whose shape is empty, and the stand-in for an embedded object. */
const EMPTY = String.raw`\uFFFC\u{1D159}\u{13441}\u{13442}`;

const VISIBLE = new RegExp(`[^${UNSEEN}${BLANK}${EMPTY}\\p{Cc}\\p{Cf}\\p{Cs}\\p{M}\\p{Noncharacter_Code_Point}]`, 'v');
const CONTROL = new RegExp(`[\\p{Cc}--[${BLANK}]]`, 'v');
const ALL_UNSEEN = new RegExp(`[${UNSEEN}]+`, 'gv');
const BLANKS = new RegExp(`[${BLANK}]+`, 'gv');

// What of the unseen changes how a word is written, and where: joiners between letters of scripts that join (Persian
// می‌رود) and between the parts of an emoji; variation selectors behind what has variants.
const JOINERS = String.raw`\u200C\u200D`;
const JOINING = String.raw`[[\p{L}\p{M}]--[\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Bopo}${UNSEEN}]]`;
const EMOJI = String.raw`\p{Extended_Pictographic}`;
const VARIED = String.raw`[${EMOJI}\p{sc=Han}\p{sc=Mong}\p{sc=Phag}]`;
const MEANINGLESS = new RegExp(`[[${UNSEEN}]--[${JOINERS}\\p{Variation_Selector}]]+`, 'gv');
const STRAY_SELECTORS = new RegExp(`(?<!${VARIED})\\p{Variation_Selector}+`, 'gv');
const MORE_SELECTORS = new RegExp(`(?<=\\p{Variation_Selector})\\p{Variation_Selector}+`, 'gv');
const JOIN = new RegExp(`[${JOINERS}]+`, 'gv');
const BEFORE_JOIN = new RegExp(`(?:${JOINING}|[${EMOJI}\\p{Emoji_Modifier}]\\uFE0F?)$`, 'v');
const AFTER_JOIN = new RegExp(`^(?:${JOINING}|${EMOJI})`, 'v');

/** Printable ASCII without blanks at its ends or two in a row: nothing to do, and nearly every text. */
const PLAIN = /^[!-~]+(?: [!-~]+)*$/;

/** True when somebody sees something of a text. */
export const isVisible = (text: string): boolean => PLAIN.test(text) || VISIBLE.test(text);

/** True for a text without control characters; line breaks and tabs are blanks. */
export const hasNoControls = (text: string): boolean => PLAIN.test(text) || !CONTROL.test(text);

/**
 * A line of text as it is shown, without what nobody sees: composed (NFC), one blank between words, none at the ends,
 * no marks of direction. A joiner or variation selector stays where it changes how the word is written.
 */
export function shown(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .replace(MEANINGLESS, '')
    .normalize('NFC')
    .replace(STRAY_SELECTORS, '')
    .replace(MORE_SELECTORS, '')
    .replace(JOIN, (joiners, at: number, whole: string) =>
      BEFORE_JOIN.test(whole.slice(Math.max(0, at - 4), at)) && AFTER_JOIN.test(whole.slice(at + joiners.length))
        ? joiners[0]!
        : '',
    )
    .normalize('NFC')
    .replace(BLANKS, ' ')
    .trim();
}

const DIGIT = /\p{Nd}/u;
const DIGITS = /[^\P{Nd}0-9]/gu;
const values = new Map<string, string>();

/** The digits of every script as 0 to 9. */
export const plainDigits = (text: string): string => text.replace(DIGITS, valueOf);

/** Unicode keeps the digits of a script in a row from 0 to 9, and whole rows next to each other. */
function valueOf(digit: string): string {
  let value = values.get(digit);
  if (value === undefined) {
    const code = digit.codePointAt(0)!;
    let zero = code;
    while (DIGIT.test(String.fromCodePoint(zero - 1))) zero--;
    values.set(digit, (value = String((code - zero) % 10)));
  }
  return value;
}

const WIDE = /[\uFF00-\uFFEF]+/g;
/** Letters, digits and signs of full or half width in their usual one. */
export const usualWidth = (text: string): string => text.replace(WIDE, (wide) => wide.normalize('NFKC'));

/** The text without anything that nobody sees; blanks stay. */
export const withoutUnseen = (text: string): string => (PLAIN.test(text) ? text : text.replace(ALL_UNSEEN, ''));

/**
 * The one spelling of what is looked up by equality: a number, a key, an account. Nothing unseen, digits 0 to 9, usual
 * width, composed, one blank between words. Upper and lower case stay, as they tell keys of other systems apart.
 */
export function plain(text: string): string {
  if (PLAIN.test(text)) return text;
  return plainDigits(usualWidth(withoutUnseen(text)))
    .replace(ALL_UNSEEN, '')
    .normalize('NFC')
    .replace(BLANKS, ' ')
    .trim();
}

/** Equal for two texts that are the same but for their spelling: case, width, digits, ligatures, Persian ی and ک. */
export const spellingOf = (text: string): string =>
  plain(plain(text).normalize('NFKC').toLowerCase().normalize('NFKC')).replaceAll('ي', 'ی').replaceAll('ك', 'ک');
