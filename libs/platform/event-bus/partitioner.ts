/** Its name is kept beside every partition count that is stored: what was divided in another way is not gone on with. */
export const PARTITIONER = 'murmur2';

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * The partition of a subject: murmur2 of its bytes in UTF-8, without the sign bit, as the Java client and what is
 * built on it place a key (Kafka Streams, Flink, ksqlDB, Connect), so that their topics join with this one. The relay
 * names it to Kafka, so that store, bus and read models agree whatever a client's own partitioner does.
 */
export const partitionOf = (subject: string, partitions: number): number =>
  (murmur2OfText(subject) & 0x7fffffff) % partitions;

/**
 * `org.apache.kafka.common.utils.Utils.murmur2` of the text's bytes in UTF-8.
 * @returns 32 bits, signed
 */
export function murmur2OfText(text: string): number {
  const { length } = text;
  let hash = SEED ^ length;
  let all = 0;
  let at = 0;
  // Characters of subjects are bytes: their uuids are read where they are, without a buffer for each call.
  for (const end = length & ~3; at < end; at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    all |= a | b | c | d;
    hash = mixed(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  let rest = 0;
  for (let shift = 0; at < length; at++, shift += 8) {
    const character = text.charCodeAt(at);
    all |= character;
    rest |= character << shift;
  }
  return all > 0x7f ? murmur2(Buffer.from(text)) : finished(hash, rest, length & 3);
}

function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let at = 0;
  for (const end = length & ~3; at < end; at += 4) {
    hash = mixed(hash, bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
  }
  let rest = 0;
  for (let shift = 0; at < length; at++, shift += 8) rest |= bytes[at]! << shift;
  return finished(hash, rest, length & 3);
}

function mixed(hash: number, word: number): number {
  let k = Math.imul(word, M);
  k ^= k >>> 24;
  return Math.imul(hash, M) ^ Math.imul(k, M);
}

function finished(hash: number, rest: number, restLength: number): number {
  let h = restLength > 0 ? Math.imul(hash ^ rest, M) : hash;
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}
