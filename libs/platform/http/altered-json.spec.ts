import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from './safe-json.js';

/** Where a text is refused, and why; undefined where its value is taken. */
function refusal(json: string): [string, string] | undefined {
  try {
    parseJson(json);
    return undefined;
  } catch (error) {
    const { issues } = error as { issues?: [{ pointer: string; message: string }] };
    if (!issues) throw error;
    return [issues[0].pointer, issues[0].message];
  }
}

describe('a body', () => {
  it.each([
    ['{"a":1,"a":1}', '/a'],
    ['{"a":1,"\\u0061":2}', '/a'],
    ['{"b":[0,{"c":{},"d":"x","c":{}}]}', '/b/1/c'],
    ['{"items":[{"input":{"a/b":1,"a/b":1}}]}', '/items/0/input/a~1b'],
    ['{"":1,"":2}', '/'],
    ['{"__proto__":1,"__proto__":2}', '/__proto__'],
    ['{"toString":1,"toString":2}', '/toString'],
    ['[[],[{}],{"x":"\\"","x":1}]', '/2/x'],
  ])('with a key given twice is refused, for JSON.parse would keep the last: %s', (json, pointer) => {
    expect(refusal(json)).toEqual([pointer, 'is given twice']);
  });

  it.each([
    ['{"n":9007199254740993}', '/n'],
    ['{"n":-9007199254740993}', '/n'],
    ['[1,0.10000000000000000555]', '/1'],
    ['{"a":{"n":[1e400]}}', '/a/n/0'],
    ['1e-400', ''],
    ['12345678901234567890', ''],
    ['{"n":0.12345678901234567891}', '/n'],
  ])('with a number that would be altered is refused: %s', (json, pointer) => {
    expect(refusal(json)).toEqual([pointer, expect.stringContaining('more digits')]);
  });

  it.each([
    '{"a":":","b":{"a":1},"c":[{"a":1},{"a":2}]}',
    '{"a\\\\":"x\\\\","b":"\\\\\\":,{}"}',
    '{"n":[0,-0,1.0,1.50,0.1,100e-2,1E2,9007199254740992,0.30000000000000004,1e308,5e-324,100000000000000000000]}',
    '"text with \\"9007199254740993\\" and : in it"',
    '{"n":1.0000000000000000000000000}',
    '0e999999',
  ])('that means what it says is taken: %s', (json) => {
    expect(refusal(json)).toBeUndefined();
    expect(parseJson(json)).toEqual(JSON.parse(json));
  });

  it('of any JSON value is taken, in whichever layout', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const json = JSON.stringify(value, null, space);
        expect(parseJson(json)).toEqual(JSON.parse(json));
      }),
    );
  });

  it('of any object is refused once one of its members stands there again', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(object, fc.nat(), fc.boolean(), (value, at, within) => {
        const keys = Object.keys(value);
        const key = keys[at % keys.length]!;
        const twice = `${JSON.stringify(value).slice(0, -1)},${JSON.stringify(key)}:0}`;
        const json = within ? `[{"in":${twice}}]` : twice;
        expect(refusal(json)?.[1]).toBe('is given twice');
      }),
    );
  });

  it('of any double is taken, and of any longer number refused unless a double is that number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(refusal(JSON.stringify(value))).toBeUndefined();
      }),
    );
    const whole = fc.oneof(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.bigInt({ min: 0n, max: 2n ** 60n }));
    fc.assert(
      fc.property(whole, (value) => {
        expect(refusal(String(value)) === undefined).toBe(writtenAs(Number(value)) === value);
      }),
    );
  });

  it('that is large, deep or a row of a million zeros is judged like any other', () => {
    // What grew with the square of the size would take longer than a spec may.
    expect(refusal(`{"a":${'['.repeat(300_000)}${']'.repeat(300_000)},"a":1}`)?.[0]).toBe('/a');
    expect(refusal(`[${'0.'.padEnd(500_000, '0')}1]`)?.[0]).toBe('/0');
    expect(refusal(`[1${'0'.repeat(300)}.${'0'.repeat(500_000)}]`)).toBeUndefined();
    expect(refusal(`"${'\\\\'.repeat(300_000)}"`)).toBeUndefined();
  });
});

/** The whole number that a double is written as. */
function writtenAs(double: number): bigint {
  const [mantissa, power = '0'] = String(double).split('e');
  const [whole, fraction = ''] = mantissa!.split('.');
  return BigInt(whole! + fraction) * 10n ** BigInt(Number(power) - fraction.length);
}
