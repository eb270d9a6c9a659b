import { hash, randomFillSync } from 'node:crypto';
import { v5, v7 } from 'uuid';
import { z } from 'zod';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A uuid, any version, lower case. */
export const Id = z
  .string()
  .regex(UUID, { error: 'is not a lower-case uuid' })
  .meta({ id: 'Id', format: 'uuid', examples: ['0198f3a0-1b2c-7d3e-8f40-123456789abc'] });

/** True for a uuid in lower case. */
export const isId = (text: string): boolean => UUID.test(text);

// Random bytes for many ids at once: asking the system for 16 at a time costs more than all the rest of an id.
const pool = Buffer.alloc(16 * 512);
let used = pool.length;

/** A new id, ordered by time to the millisecond (uuid v7). */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 16;
  return v7({ random: pool.subarray(used - 16, used) });
}

const namespace = 'b2b6f6d4-9c0e-5d53-8a1e-79616400d000';

/** The id that always belongs to these words (uuid v5): natural keys, derived commands. */
export const derivedId = (...words: string[]): string => v5(JSON.stringify(words), namespace);

/** 16 bytes that tell one text from another, to recognise a repeated command. */
export const fingerprint = (text: string): Buffer =>
  // In one call and by way of hex: a quarter of what a Hash object costs.
  Buffer.from(hash('sha256', text, 'hex').slice(0, 32), 'hex');

/**
 * Ids and fingerprints of texts that may tell of a person, kept under a secret: who reads them without it cannot try out
 * whom they are of, also after the person is forgotten.
 */
export class SecretIds {
  private readonly secret: string;

  constructor(secret: Buffer) {
    this.secret = secret.toString('hex');
  }

  /** The id that always belongs to these words (uuid v8). */
  id(...words: string[]): string {
    const hex = this.hash('id', JSON.stringify(words));
    const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3]!;
    const [a, b, c] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(13, 16)];
    return `${a}-${b}-8${c}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  /** 16 bytes that tell one text from another, to recognise a repeated command. */
  fingerprint(text: string): Buffer {
    return Buffer.from(this.hash('fingerprint', text), 'hex');
  }

  /** Half of a hash, so that nobody can go on with it from its end; in one call, as in `fingerprint`. */
  private hash(use: string, text: string): string {
    return hash('sha256', `${this.secret} ${use} ${text}`, 'hex').slice(0, 32);
  }
}
