import type { Message } from 'kafkajs';
import { LOG_FORKED, type LogForked } from '#platform/kernel/log-forked.js';
import { schemaId } from '#platform/kernel/published-event.js';
import type { LogFork } from '../event-bus.js';
import type { MessageAuthenticator } from './message-authenticator.js';

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
      ce_dataschema: schemaId(LOG_FORKED, 1),
      ce_yadversion: '1',
      ce_yadincarnation: String(number),
      ce_yadframe: `${Buffer.byteLength(value)},0,${code}`,
    },
  };
}
