import { describe, expect, it } from '@jest/globals';
import { configEntriesOf, findingsOf, LOOKED_AT, replicationOf, usualTopicSettings } from './topic-settings.js';

const safe = (replication: number, settings = usualTopicSettings): Map<string, string> =>
  new Map(configEntriesOf(settings, replication).map(({ name, value }) => [name, value]));

const found = (changed: Record<string, string> = {}, replication = 3, brokers = 3) =>
  findingsOf('t', usualTopicSettings, {
    brokers,
    replication,
    configs: new Map([...safe(replication), ...Object.entries(changed)]),
  });

describe('the settings of a topic', () => {
  it('are three copies of which two have each message, where there are so many brokers', () => {
    expect([1, 2, 3, 9].map((brokers) => replicationOf(usualTopicSettings, brokers))).toEqual([1, 2, 3, 3]);
    expect([1, 2, 3].map((copies) => safe(copies).get('min.insync.replicas'))).toEqual(['1', '1', '2']);
    expect(replicationOf({ ...usualTopicSettings, replication: 5 }, 3)).toBe(5);
    expect(safe(5, { ...usualTopicSettings, minInsyncReplicas: 3 }).get('min.insync.replicas')).toBe('3');
    expect(safe(1, { ...usualTopicSettings, retentionDays: 0 }).get('retention.ms')).toBe('-1');
  });

  it('are safe as they are made', () => {
    expect(found()).toEqual({ errors: [], warnings: [] });
    expect(found({}, 1, 1)).toEqual({ errors: [], warnings: [] });
    expect([...safe(3).keys()]).toEqual(expect.arrayContaining(LOOKED_AT));
  });

  it('that take no message as large as an event may be are an error', () => {
    const { errors, warnings } = found({ 'max.message.bytes': '1048588' });
    expect(errors).toEqual([
      'topic t: max.message.bytes is 1048588: a message may have 7340032 bytes, and one that is refused stops all that ' +
        'follow; kafka-configs.sh --alter --entity-type topics --entity-name t --add-config max.message.bytes=8388608',
    ]);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['cleanup.policy', 'compact', /is compact: .*--add-config cleanup.policy=delete$/],
    ['cleanup.policy', 'compact,delete', /is compact,delete: /],
    ['retention.ms', '3600000', /is 3600000: .*less than a week.*retention.ms=1209600000$/],
    ['retention.ms', '604800000', /YAD_TOPIC_RETENTION_DAYS is 14.*retention.ms=1209600000$/],
    ['retention.ms', '-1', /YAD_TOPIC_RETENTION_DAYS is 14/],
    ['retention.bytes', '1000000', /retention.bytes=-1$/],
    ['min.insync.replicas', '1', /what one of 3 copies has counts as sent.*min.insync.replicas=2$/],
    ['min.insync.replicas', '3', /one broker that is away of 3 stops all publishing.*min.insync.replicas=2$/],
    ['message.timestamp.type', 'CreateTime', /message.timestamp.type=LogAppendTime$/],
    ['unclean.leader.election.enable', 'true', /unclean.leader.election.enable=false$/],
  ])('%s=%s is warned of, with what to do', (name, value, told) => {
    const { errors, warnings } = found({ [name]: value });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(told)]);
    expect(warnings[0]).toContain(`topic t: ${name} is ${value}`);
  });

  it('are warned of where copies are fewer than they could be, or than was asked for', () => {
    expect(found({}, 1, 2).warnings).toEqual([expect.stringMatching(/replication is 1: of 2 brokers one has/)]);
    expect(found({}, 2, 2).warnings).toEqual([expect.stringMatching(/what one of 2 copies has counts as sent/)]);
    const settings = { ...usualTopicSettings, replication: 3, minInsyncReplicas: 2 };
    const configs = new Map([...safe(3), ['min.insync.replicas', '1']]);
    expect(findingsOf('t', settings, { brokers: 1, replication: 1, configs }).warnings).toEqual([
      expect.stringMatching(/YAD_TOPIC_REPLICATION is 3/),
    ]);
  });

  it('that the brokers do not tell are not judged', () => {
    expect(findingsOf('t', usualTopicSettings, { brokers: 1, replication: 1, configs: new Map() })).toEqual({
      errors: [],
      warnings: [],
    });
  });
});
