import { Partitioners } from 'kafkajs';

const place = Partitioners.DefaultPartitioner();

/** The partition of a customer: murmur2 of the key, as all of Kafka's own clients have it. */
export const partitionOf = (subject: string, partitions: number): number =>
  place({
    topic: '',
    partitionMetadata: Array.from({ length: partitions }, (_, partitionId) => ({ partitionId }) as never),
    message: { key: subject, value: null },
  });
