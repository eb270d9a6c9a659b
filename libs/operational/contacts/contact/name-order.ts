// Chinese, Japanese and Korean are told by their script, in which nobody else writes names.
const EAST_ASIAN = String.raw`\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Bopo}`;
const isEastAsian = (name: string): boolean =>
  new RegExp(`^[${EAST_ASIAN}\\p{scx=Kana}\\p{Variation_Selector}]+$`, 'v').test(name) &&
  new RegExp(`[${EAST_ASIAN}]`, 'v').test(name);
// The names of foreigners in Japanese: given name first, a middle dot between.
const isKatakana = (name: string): boolean => /^[\p{scx=Kana}]+$/u.test(name);

/** Languages of other scripts in which the family name comes first, by the script that they are written in. */
const FAMILY_FIRST: Record<string, RegExp> = {
  hu: /^[\p{scx=Latin}\p{P}\s]+$/u,
  vi: /^[\p{scx=Latin}\p{P}\s]+$/u,
  km: /^[\p{scx=Khmer}\p{P}\s]+$/u,
  mn: /^[\p{scx=Cyrillic}\p{scx=Mongolian}\p{P}\s]+$/u,
};

/**
 * The parts of a name in the order of its language:
 * - written in Chinese characters, kana or hangul: family name first, no blank between (王伟, 山田太郎, 김민준), whatever
 *   the declared language; but katakana alone is a foreigner's name (ジョン・スミス) unless the language is Japanese;
 * - of a contact whose declared language is Hungarian, Vietnamese, Khmer or Mongolian, written in that language's own
 *   script: family name first, with a blank (Kovács János, Nguyễn Văn An);
 * - all others, also Chinese, Japanese and Korean names in Latin letters: given name first, with a blank (Wei Wang).
 */
export function joinedName({ given, family }: { given?: string; family?: string }, language?: string): string {
  if (given === undefined || family === undefined) return given ?? family ?? '';
  const [spoken] = (language ?? '').split('-');
  if (isEastAsian(given) && isEastAsian(family)) {
    const foreign = isKatakana(given) && isKatakana(family) && spoken !== 'ja';
    return foreign ? `${given}・${family}` : `${family}${given}`;
  }
  const script = FAMILY_FIRST[spoken!];
  return script?.test(`${family} ${given}`) ? `${family} ${given}` : `${given} ${family}`;
}
