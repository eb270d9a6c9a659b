import { describe, expect, it } from '@jest/globals';
import { joinedName } from './name-order.js';

describe('the parts of a name', () => {
  it.each([
    ['伟', '王', undefined, '王伟'],
    ['伟', '王', 'en', '王伟'],
    ['偉明', '歐陽', 'zh-Hant', '歐陽偉明'],
    ['太郎', '山田', 'ja', '山田太郎'],
    ['さくら', '佐々木', undefined, '佐々木さくら'],
    ['민준', '김', undefined, '김민준'],
    ['ジョン', 'スミス', undefined, 'ジョン・スミス'],
    ['メアリー', 'スミス', 'en', 'メアリー・スミス'],
    ['タロウ', 'ヤマダ', 'ja', 'ヤマダタロウ'],
    ['János', 'Kovács', 'hu', 'Kovács János'],
    ['János', 'Kovács', 'hu-HU', 'Kovács János'],
    ['János', 'Kovács', undefined, 'János Kovács'],
    ['Văn An', 'Nguyễn', 'vi', 'Nguyễn Văn An'],
    ['Ádám', "Kiss-O'Nagy", 'hu', "Kiss-O'Nagy Ádám"],
    ['伟', 'Wang', 'zh', '伟 Wang'],
    ['Wei', 'Wang', 'zh', 'Wei Wang'],
    ['Taro', 'Yamada', 'ja', 'Taro Yamada'],
    ['سارا', 'کریمی', 'fa', 'سارا کریمی'],
    ['سارا', 'کریمی', 'hu', 'سارا کریمی'],
    ['Элбэгдорж', 'Цахиагийн', 'mn', 'Цахиагийн Элбэгдорж'],
    ['Иван', 'Петров', 'ru', 'Иван Петров'],
    ['Sara', undefined, 'hu', 'Sara'],
    [undefined, '王', undefined, '王'],
  ])('%s and %s in %s are %s', (given, family, language, full) =>
    expect(joinedName({ given, family }, language)).toBe(full),
  );
});
