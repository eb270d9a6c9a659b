import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeRecord, originalEncoder, type RecordToEncode } from './record-encoder.js';

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each));
const text = fc.string({ unit: 'grapheme', maxLength: 300 });
const content = fc.oneof(text, bytes);
const record: fc.Arbitrary<RecordToEncode> = fc.record(
  {
    offsetDelta: fc.nat(2_000_000_000 / 2),
    timestampDelta: fc.oneof(
      fc.nat(10_000),
      fc.nat(2 ** 31 - 1),
      fc.maxSafeNat().map((each) => each % 2 ** 45),
    ),
    key: fc.option(content),
    value: fc.option(content),
    headers: fc.dictionary(
      fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__'),
      fc.oneof(content, fc.array(content, { maxLength: 3 })),
      { maxKeys: 8 },
    ),
  },
  { requiredKeys: [] },
);

it('encodes every record as kafkajs does, byte for byte', () => {
  fc.assert(
    fc.property(record, (each) => {
      expect(encodeRecord(each).buffer.equals(originalEncoder(each).buffer)).toBe(true);
    }),
    { numRuns: 1000 },
  );
  expect(createRequire(import.meta.url)('kafkajs/package.json').version).toBe('2.2.4');
});

it('encodes what is larger than the room that is kept for it, and lengths that characters do not tell', () => {
  const texts = ['x'.repeat(300_000), 'é'.repeat(200_000), 'é'.repeat(40), `${'x'.repeat(63)}é`, '😀'.repeat(5_000)];
  for (const value of [...texts, Buffer.alloc(400_000, 7), 'small again']) {
    const each = { key: 'k', value, headers: { name: value, é: 'x'.repeat(64) } };
    expect(encodeRecord(each).buffer.equals(originalEncoder(each).buffer)).toBe(true);
  }
});

it('is what kafkajs uses where the built client is loaded', () => {
  const script = `await import('./dist/libs/platform/event-bus/kafka/client.js');
    const { createRequire } = await import('node:module');
    const require = createRequire(import.meta.resolve('./dist/'));
    const produce = require('kafkajs/src/protocol/requests/produce/v3/request.js');
    let caller;
    const headers = { get told() { caller = new Error().stack; return 'yes'; } };
    const partitions = [{ partition: 0, messages: [{ key: 'k', value: 'v', headers }] }];
    await produce({ acks: -1, timeout: 1, topicData: [{ topic: 't', partitions }] }).encode();
    console.log(caller.includes('encodeRecord'));`;
  const { NODE_OPTIONS: _jest, ...env } = process.env;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env });
  expect(said).toBe('true\n');
});
