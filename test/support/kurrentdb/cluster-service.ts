import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { isLeader, type ServedNode } from './node.js';
import { features, gossip, shared } from './protocol.js';

const V1 = 'event_store.client.streams.streams';
const V2 = 'kurrentdb.protocol.v2.streams.streamsservice';

/** Whether a server of this version has a call: the v2 ones came later. */
export const hasCall = (version: string, call: 'appendsession' | 'appendrecords'): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 100 + minor >= (call === 'appendsession' ? 2501 : 2601);
};

/** What this server can, as it says itself: clients go by that. */
export const supportedMethods =
  (node: ServedNode) =>
  (
    _: ServerUnaryCall<unknown, unknown>,
    answer: sendUnaryData<InstanceType<typeof features.SupportedMethods>>,
  ): void => {
    node.count('GetSupportedMethods');
    const list = new features.SupportedMethods().setEventStoreServerVersion(node.version);
    const add = (service: string, method: string, ...more: string[]): void => {
      const one = new features.SupportedMethod().setServiceName(service).setMethodName(method);
      list.addMethods(one.setFeaturesList(more));
    };
    add(V1, 'read', 'position', 'events');
    add(V1, 'append');
    add(V1, 'batchappend', 'deadline_duration');
    if (hasCall(node.version, 'appendsession')) add(V2, 'appendsession');
    if (hasCall(node.version, 'appendrecords')) add(V2, 'appendrecords');
    answer(null, list);
  };

/** Which nodes there are, and which leads. */
export const readGossip =
  (node: ServedNode) =>
  (_: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<InstanceType<typeof gossip.ClusterInfo>>): void => {
    node.count('Gossip');
    const info = new gossip.ClusterInfo();
    for (const [index, { host, port }] of node.members().entries()) {
      const leads = isLeader({ ...node, endpoint: { host, port } });
      const member = new gossip.MemberInfo().setIsAlive(true).setTimeStamp('0');
      member.setInstanceId(new shared.UUID().setString(`00000000-0000-4000-8000-0000000000a${index}`));
      const { LEADER, FOLLOWER } = gossip.MemberInfo.VNodeState;
      member.setState(leads ? LEADER : FOLLOWER);
      info.addMembers(member.setHttpEndPoint(new gossip.EndPoint().setAddress(host).setPort(port)));
    }
    answer(null, info);
  };
