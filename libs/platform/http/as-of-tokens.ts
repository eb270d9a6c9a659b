import { createHmac, timingSafeEqual } from 'node:crypto';
import { isToken, TOKEN_PREFIX, type PointTokens } from '#platform/projections/as-of/as-of.js';
import type { Point } from '#platform/projections/as-of/point.js';
import type { CursorKeys } from './cursor-keys/cursor-keys.js';
import { DerivedKeys } from './cursor-keys/derived-keys.js';
import { ByteReader, ByteWriter } from './bytes.js';

const VERSION = 1;
const TAG_BYTES = 16;
/** A token of more is nobody's: the largest has some hundreds of partitions. */
const MOST_CHARACTERS = 8192;

/**
 * Tokens of points: what an answer rests on, as a short text that its asker keeps. Signed (HMAC-SHA256, 16 bytes), so
 * that nobody can name a point that no answer had; not secret, as it holds positions and versions and nothing else.
 */
export class AsOfTokens implements PointTokens {
  private readonly keys: DerivedKeys<'sign'>;

  constructor(source: CursorKeys) {
    this.keys = new DerivedKeys(source, 'yad as of', ['sign']);
  }

  /** The token of a point; the same for the same point, as long as the keys are. */
  async seal(point: Point): Promise<string> {
    const key = await this.keys.newest();
    const writer = new ByteWriter();
    writer.number(VERSION);
    writer.number(key.id);
    write(point, writer);
    const body = writer.bytes();
    return TOKEN_PREFIX + Buffer.concat([body, tagOf(key.parts.sign, body)]).toString('base64url');
  }

  /** The point of a token; undefined for a text that is none that was given out. */
  async open(token: string): Promise<Point | undefined> {
    if (!isToken(token) || token.length > MOST_CHARACTERS) return undefined;
    const text = token.slice(TOKEN_PREFIX.length);
    const bytes = Buffer.from(text, 'base64url');
    // The decoder passes over characters that it does not know: only the very text that was given is taken.
    if (bytes.length <= TAG_BYTES || bytes.toString('base64url') !== text) return undefined;
    const body = bytes.subarray(0, -TAG_BYTES);
    try {
      const reader = new ByteReader(body);
      if (reader.number() !== VERSION) return undefined;
      const key = await this.keys.byId(reader.number());
      if (!key || !timingSafeEqual(tagOf(key.parts.sign, body), bytes.subarray(-TAG_BYTES))) return undefined;
      return read(reader);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }
}

const tagOf = (key: Buffer, body: Buffer): Buffer =>
  createHmac('sha256', key).update(body).digest().subarray(0, TAG_BYTES);

function write({ log, partitions, now, through, vectors, versions }: Point, writer: ByteWriter): void {
  writer.uuid(log.id);
  writer.number(log.incarnation);
  writer.number(partitions);
  writer.bigint(BigInt(now.getTime()));
  writer.bigint(through);
  // Most projections stand at the same place: each vector is written once.
  const distinct = [...new Map([...vectors.values()].map((vector) => [vector.join(), vector])).values()];
  const indexes = new Map(distinct.map((vector, at) => [vector.join(), at]));
  writer.number(distinct.length);
  for (const vector of distinct) for (const position of vector) writer.bigint(position - through);
  const names = [...new Set([...vectors.keys(), ...(versions?.projections.keys() ?? [])])];
  writer.number(names.length);
  for (const name of names) {
    writer.text(name);
    // 0: it has none.
    writer.number(1 + (indexes.get(vectors.get(name)?.join() ?? '') ?? -1));
    writer.number(1 + (versions?.projections.get(name) ?? -1));
  }
  const query = versions?.query;
  writer.text(query?.name ?? '');
  if (query) writer.number(query.version);
}

function read(reader: ByteReader): Point {
  const log = { id: reader.uuid(), incarnation: reader.number() };
  const partitions = reader.number();
  const now = new Date(Number(reader.bigint()));
  const through = reader.bigint();
  const vector = (): bigint[] => Array.from({ length: partitions }, () => reader.bigint() + through);
  const distinct = Array.from({ length: reader.number() }, vector);
  const vectors = new Map<string, readonly bigint[]>();
  const projections = new Map<string, number>();
  for (let left = reader.number(); left > 0; left--) {
    const name = reader.text();
    const vector = distinct[reader.number() - 1];
    const version = reader.number() - 1;
    if (vector) vectors.set(name, vector);
    if (version >= 0) projections.set(name, version);
  }
  const at = { log, partitions, now, through, vectors };
  const name = reader.text();
  if (name !== '') return { ...at, versions: { query: { name, version: reader.number() }, projections } };
  return projections.size === 0 ? at : { ...at, versions: { projections } };
}
