import type { Message } from 'kafkajs';
import type { LogFork } from '../event-bus.js';
import type { MessageAuthenticator } from './message-authenticator.js';

/** The type of the message, which is no event of the log: it has no position, no customer and no key. */
export const LOG_FORKED = 'yad.log.forked';

/** What it tells. Positions are text, as they may be more than a double holds. */
export interface LogForked {
  readonly incarnation: number;
  readonly incarnationId: string;
  /** The last position that is still in the log. What a consumer holds above it and below `beginsAt` is lost. */
  readonly forkedAt: string;
  /** The first position that the log gives from now on. */
  readonly beginsAt: string;
}

/**
 * Says in one partition that the log goes on without what it lost where this incarnation began: a CloudEvent as the
 * events are, with the same code. Each partition has an id of its own, so that none passes for a repeat of another.
 */
export function forkMessage(
  { number, id, forkedAt, beginsAt }: LogFork,
  partition: number,
  authenticator: Pick<MessageAuthenticator, 'source' | 'sign'>,
  now = new Date(),
): Message {
  const told: LogForked = {
    incarnation: number,
    incarnationId: id,
    forkedAt: String(forkedAt),
    beginsAt: String(beginsAt),
  };
  const value = JSON.stringify(told);
  const code = authenticator.sign({ partition, said: LOG_FORKED, key: '', value });
  return {
    key: null,
    partition,
    timestamp: String(now.getTime()),
    value,
    headers: {
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: `${id}:${partition}`,
      ce_source: authenticator.source,
      ce_type: LOG_FORKED,
      ce_time: now.toISOString(),
      ce_dataschema: `urn:yad:schema:${LOG_FORKED}:1`,
      ce_yadversion: '1',
      ce_yadincarnation: String(number),
      ce_yadframe: `${Buffer.byteLength(value)},0,${code}`,
    },
  };
}
