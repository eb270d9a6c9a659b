import type { Kafka } from 'kafkajs';

/**
 * Takes a member out of its group. kafkajs forgets its member id when it crashes, and until the old member's session
 * ends the group waits for it, so that after a broker's restart consumers would stand still for that long. kafkajs
 * has the request but does not offer it; 2.2.4 is pinned and the last release, so its internals are used.
 */
export async function leaveGroup(kafka: Kafka, groupId: string, memberId: string): Promise<void> {
  const inner = kafka as unknown as Record<symbol, (options: object) => any>;
  const createCluster = Object.getOwnPropertySymbols(kafka).find((each) => each.description?.endsWith('createCluster'));
  if (!createCluster) return;
  const cluster = inner[createCluster]!({ allowAutoTopicCreation: false });
  try {
    await cluster.connect();
    const coordinator = await cluster.findGroupCoordinator({ groupId });
    await coordinator.leaveGroup({ groupId, memberId });
  } finally {
    await cluster.disconnect();
  }
}
