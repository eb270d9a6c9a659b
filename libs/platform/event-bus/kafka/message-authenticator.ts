import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { IHeaders } from 'kafkajs';
import type { EventStore } from '#platform/event-store/event-store.js';

/** The log whose events go over the bus. */
export type LogSource = Pick<EventStore, 'identity' | 'refreshIdentity'>;

/** What a message says of itself, all of which its code covers. */
export interface Signed {
  readonly partition: number;
  /** Its attributes that a reader goes by, a line each. */
  readonly said: string;
  readonly key: string;
  readonly value: string | Buffer;
}

/** Why a message is passed over. */
export const REFUSALS = ['of another log', 'not from the relay', 'of a lost incarnation', 'not readable'] as const;
export type Refusal = (typeof REFUSALS)[number];

/** Characters of a code: 16 bytes in base64url. */
const CODE = /^[\w-]{22}$/;

/**
 * Messages carry a code (HMAC-SHA256, cut to 16 bytes) under a key that only processes with the log's database have:
 * what a consumer takes for an event was read from the log by a relay, and for this partition. A topic is written to
 * by whoever may, and by the relays of other systems; the checkpoint of a partition would follow any of them.
 */
export class MessageAuthenticator {
  private readonly key: KeyObject;
  /** The log, as a CloudEvents source. */
  readonly source: string;
  private readonly sourceBytes: Buffer;

  constructor(private readonly log: LogSource) {
    const { identity } = log;
    this.source = `urn:uuid:${identity.id}`;
    this.sourceBytes = Buffer.from(this.source);
    this.key = createSecretKey(identity.keyFor('bus'));
  }

  /** The incarnation in which the log is known to hold what is sent now. */
  get incarnation(): number {
    return this.log.identity.current.number;
  }

  sign({ partition, said, key, value }: Signed): string {
    return createHmac('sha256', this.key)
      .update(`${partition}\n${said}\n${key}\n`)
      .update(value)
      .digest('base64url')
      .slice(0, 22);
  }

  /** Whether a message says that it is of this log. */
  isOurs(source: IHeaders[string]): boolean {
    return Buffer.isBuffer(source) ? source.equals(this.sourceBytes) : source === this.source;
  }

  /** Why a message of this log is to be passed over; undefined where it is an event of the log. */
  refusalOf(signed: Signed, code: string, position: bigint, incarnation: number): Refusal | undefined {
    if (!this.isFromRelay(signed, code)) return 'not from the relay';
    this.heardOf(incarnation);
    return this.log.identity.isLost(position, incarnation) ? 'of a lost incarnation' : undefined;
  }

  isFromRelay(signed: Signed, code: string): boolean {
    return CODE.test(code) && timingSafeEqual(Buffer.from(this.sign(signed)), Buffer.from(code));
  }

  /** The relay may know of a failover that this process has not noticed; the next connection tells it. */
  heardOf(incarnation: number): void {
    if (incarnation > this.log.identity.current.number) this.log.refreshIdentity().catch(() => {});
  }
}
