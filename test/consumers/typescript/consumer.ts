// A complete consumer of Yad's events: what each customer has bought, and their names, kept in a database of its own.
//
// Start it with KAFKA_BROKERS, YAD_TOPIC, YAD_URL (where `GET /v1/events` is answered) and DATABASE_URL. It can be killed
// and started again at any moment, and as many of them can run as the topic has partitions.
import { Kafka, logLevel, type EachBatchPayload, type KafkaMessage } from 'kafkajs';
import pg from 'pg';
import { apply, forget, SCHEMA, type CustomerEvent } from './customer-tables.js';
import { EventFeed, PositionLost } from './event-feed.js';
import { partitionOf } from './partition.js';

const { KAFKA_BROKERS = 'localhost:9092', YAD_TOPIC = 'yad.events', YAD_URL = 'http://localhost:3000' } = process.env;
const GROUP = 'customers-service';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 4 });
const feed = new EventFeed(YAD_URL);
const kafka = new Kafka({ clientId: GROUP, brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
// One that was killed is missed after ten seconds; its partitions go to the others then.
const consumer = kafka.consumer({ groupId: GROUP, sessionTimeout: 10_000 });
let partitions = 0;

await pool.query(SCHEMA);
const admin = kafka.admin();
await admin.connect();
partitions = (await admin.fetchTopicMetadata({ topics: [YAD_TOPIC] })).topics[0]!.partitions.length;
await admin.disconnect();

/**
 * Runs `work` on one partition: all that it writes, and the position that it ends at, in one transaction. The row of the
 * position is locked, so that a member of the group that lost the partition without noticing cannot write beside us.
 */
async function onPartition(
  partition: number,
  work: (client: pg.PoolClient, held: bigint) => Promise<bigint>,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('insert into positions values ($1, 0) on conflict do nothing', [partition]);
    const { rows } = await client.query('select position from positions where partition = $1 for update', [partition]);
    const position = await work(client, BigInt(rows[0].position));
    await client.query('update positions set position = $2 where partition = $1', [partition, position]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

/** Applies what the log has of a partition between two positions: `after` (exclusive) and `through` (inclusive). */
async function fill(client: pg.PoolClient, partition: number, after: bigint, through?: bigint): Promise<bigint> {
  try {
    for await (const page of feed.read({ after, through })) {
      for (const event of page.events) {
        if (partitionOf(event.subject, partitions) === partition) await apply(client, event);
      }
      after = page.through;
    }
    return after;
  } catch (error) {
    if (!(error instanceof PositionLost)) throw error;
    await undo(client, partition, error.goOnAfter);
    return fill(client, partition, error.goOnAfter, through);
  }
}

/** The log goes on without its last events: what they changed here is forgotten, and read again as the log has it. */
async function undo(client: pg.PoolClient, partition: number, forkedAt: bigint): Promise<void> {
  for (const subject of await forget(client, partition, forkedAt, partitions)) {
    for await (const page of feed.read({ after: 0n, through: forkedAt, subject })) {
      for (const event of page.events) await apply(client, event);
    }
  }
}

/** One message: dropped where it is held, and what is missing before it is read from the log first. */
async function take(client: pg.PoolClient, partition: number, message: KafkaMessage, held: bigint): Promise<bigint> {
  const attribute = (name: string): string => message.headers?.[`ce_${name}`]?.toString() ?? '';
  if (attribute('type') === 'yad.log.forked') {
    const { incarnation, ...told } = JSON.parse(message.value!.toString());
    const [forkedAt, beginsAt] = [BigInt(told.forkedAt), BigInt(told.beginsAt)];
    await client.query('insert into forks values ($1, $2) on conflict do nothing', [incarnation, forkedAt]);
    // It may be told again, and to who was not there yet when it happened.
    if (held <= forkedAt || held >= beginsAt) return held;
    await undo(client, partition, forkedAt);
    return forkedAt;
  }
  const [position, previous] = [BigInt(attribute('yadposition')), BigInt(attribute('yadprevious'))];
  if (position <= held) return held;
  // Sent by a relay that had not heard of the fork yet: an event that the log does not have.
  const lost = await client.query('select from forks where incarnation > $1 and forked_at < $2', [
    Number(attribute('yadincarnation')),
    position,
  ]);
  if (lost.rowCount! > 0) return held;
  if (previous > held) await fill(client, partition, held, previous);
  const event: CustomerEvent = {
    type: attribute('type'),
    subject: attribute('subject'),
    position,
    data: JSON.parse(message.value!.toString()),
  };
  await apply(client, event);
  return position;
}

async function takeBatch({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
  await onPartition(batch.partition, async (client, held) => {
    for (const message of batch.messages) {
      held = await take(client, batch.partition, message, held);
      await heartbeat();
    }
    return held;
  });
  resolveOffset(batch.lastOffset());
}

// It starts again by itself after most troubles; where it does not, whoever runs this service has to.
consumer.on(consumer.events.CRASH, ({ payload }) => {
  if (!payload.restart) process.exit(1);
});

// What no message will tell of (the topic keeps messages for a time only) is read from the log before anything else.
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  for (const partition of payload.memberAssignment[YAD_TOPIC] ?? []) {
    onPartition(partition, (client, held) => fill(client, partition, held)).catch((error) => {
      console.error(`partition ${partition}: ${error}`);
      process.exit(1);
    });
  }
});

await consumer.connect();
await consumer.subscribe({ topic: YAD_TOPIC, fromBeginning: true });
await consumer.run({ eachBatchAutoResolve: false, eachBatch: takeBatch });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void consumer.disconnect().then(() => pool.end()));
}
