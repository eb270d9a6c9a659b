import { createRequire } from 'node:module';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeRecord, originalDecoder, type BatchContext } from './record-decoder.js';
import { originalEncoder, type RecordToEncode } from './record-encoder.js';

const Decoder = createRequire(import.meta.url)('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => {
  buffer: Buffer;
  offset: number;
  readVarIntBytes(): Buffer;
};

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
const content = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 300 }), bytes);
/** What kafkajs takes for a name that was given before. */
const inherited = new Set(Object.getOwnPropertyNames(Object.prototype));
const record: fc.Arbitrary<RecordToEncode> = fc.record({
  offsetDelta: fc.nat(1_000_000_000),
  timestampDelta: fc.oneof(
    fc.nat(10_000),
    fc.maxSafeNat().map((each) => each % 2 ** 45),
  ),
  key: fc.option(content),
  value: fc.option(content),
  headers: fc.dictionary(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 70 }).filter((name) => !inherited.has(name)),
    fc.oneof(content, fc.array(content, { maxLength: 3 })),
    { maxKeys: 30 },
  ),
});
const context: fc.Arbitrary<BatchContext> = fc.record({
  firstOffset: fc.bigInt(0n, 2n ** 63n - 1n).map(String),
  firstTimestamp: fc.bigInt(-1n, 2n ** 62n).map(String),
  maxTimestamp: fc.nat().map(String),
  timestampType: fc.constantFrom(0, 1),
  magicByte: fc.constant(2),
  isControlBatch: fc.boolean(),
});

const bodyOf = (given: RecordToEncode): Buffer => new Decoder(originalEncoder(given).buffer).readVarIntBytes();

it('decodes every record as kafkajs does', () => {
  fc.assert(
    fc.property(record, context, (given, batch) => {
      const body = bodyOf(given);
      const [ours, theirs] = [new Decoder(body), new Decoder(body)];
      expect(decodeRecord(ours, batch)).toEqual(originalDecoder(theirs, batch));
      expect(ours.offset).toBe(body.length);
    }),
    { numRuns: 1000 },
  );
});

it('decodes what no number of ours holds, and numbers below zero', () => {
  const batch = { firstOffset: '7', firstTimestamp: '1764240000000', timestampType: 0 };
  // Attributes, then a timestamp's difference as others may write it, then the rest: offset 0, no key, no value, no headers.
  for (const delta of [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0x01], [0xff, 0x7f]]) {
    const body = Buffer.from([0, ...delta, 0, 1, 1, 0]);
    expect(decodeRecord(new Decoder(body), batch)).toEqual(originalDecoder(new Decoder(body), batch));
  }
});

it('takes names that every object inherits for what they are', () => {
  const headers = Object.fromEntries([
    ['constructor', 'a'],
    ['__proto__', 'b'],
  ]);
  const found = decodeRecord(new Decoder(bodyOf({ headers })), { firstOffset: '0', firstTimestamp: '0' }).headers;
  expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
  expect(Object.entries(found)).toEqual([
    ['constructor', Buffer.from('a')],
    ['__proto__', Buffer.from('b')],
  ]);
});

it('stands in the place of kafkajs’ own', () => {
  const require = createRequire(import.meta.url);
  expect(require('kafkajs/package.json').version).toBe('2.2.4');
  const path = require.resolve('kafkajs/src/protocol/recordBatch/record/v0/decoder.js');
  expect(require.cache[path]!.exports).toBe(decodeRecord);
});
