import { describe, expect, it } from '@jest/globals';
import { murmur2OfText, partitionOf } from './partitioner.js';

describe('the partitioner', () => {
  // As org.apache.kafka.common.utils.Utils.murmur2 of kafka-clients 4.2.0 gives them.
  it.each([
    ['', 275646681],
    ['a', -1563381124],
    ['ab', 316155434],
    ['abc', 479470107],
    ['abcd', -1323649548],
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['0198f3a0-1b2c-7d3e-8f40-00000000000b', 823552663],
    ['0198f3a0-1b2c-7d3e-8f40-123456789abc', 18504980],
    ['یاد', 831184650],
    ['Zoë', -1306457314],
    ['😀', 131881617],
  ])('hashes %j as the Java client does', (text, hash) => {
    expect(murmur2OfText(text)).toBe(hash);
  });

  it('takes the sign away, not the absolute value', () => {
    expect(partitionOf('a', 6)).toBe((-1563381124 & 0x7fffffff) % 6);
    expect(partitionOf('a', 6)).toBe(4);
    expect(partitionOf('0198f3a0-1b2c-7d3e-8f40-00000000000b', 6)).toBe(1);
  });
});
