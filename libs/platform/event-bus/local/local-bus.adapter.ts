import type { EventStore } from '#platform/event-store/event-store.js';
import { consoleLog, type BusLog } from '../bus-log.js';
import { usualTopic, type Consumer, type EventBus, type Subscription } from '../event-bus.js';
import { LocalMember } from './local-member.js';
import { SharedLog } from './shared-log.js';

export interface LocalBusOptions {
  partitions?: number;
  /** Events in one delivery at most. */
  pageSize?: number;
  /** Events kept in memory for readers that are a little behind. */
  keep?: number;
  /** Characters of theirs, about. */
  keepCharacters?: number;
  log?: BusLog;
}

interface Group {
  members: LocalMember[];
  /** Sharing out is done one at a time: a partition is let go before another member takes it. */
  sharing: Promise<void>;
}

/** The bus inside one process: it hands consumers what the store itself gives, without a broker. */
export class LocalBus implements EventBus {
  readonly partitions: number;
  private readonly shared: SharedLog;
  private readonly groups = new Map<string, Group>();
  private readonly log: BusLog;

  constructor(
    store: EventStore,
    {
      partitions = usualTopic.partitions,
      pageSize = 1000,
      keep = 8192,
      keepCharacters,
      log = consoleLog,
    }: LocalBusOptions = {},
  ) {
    this.partitions = partitions;
    this.log = log;
    this.shared = new SharedLog(store, { pageSize, keep, keepCharacters }, log);
  }

  async subscribe(group: string, consumer: Consumer): Promise<Subscription> {
    const member = new LocalMember(this.shared, consumer, this.partitions, group, this.log);
    const known = this.groups.get(group) ?? { members: [], sharing: Promise.resolve() };
    this.groups.set(group, known);
    known.members.push(member);
    await this.share(known);
    return {
      close: async () => {
        known.members = known.members.filter((each) => each !== member);
        await member.assign([]);
        await this.share(known);
      },
    };
  }

  async close(): Promise<void> {
    const all = [...this.groups.values()].flatMap(({ members }) => members.splice(0));
    await Promise.all(all.map((member) => member.assign([])));
    await this.shared.close();
  }

  private share(group: Group): Promise<void> {
    group.sharing = group.sharing.then(async () => {
      const { members } = group;
      const wanted = members.map((_, index) => {
        const mine: number[] = [];
        for (let p = index; p < this.partitions; p += members.length) mine.push(p);
        return mine;
      });
      // All let go of what they lose before any takes what it gains: two never fold the same partition.
      await Promise.all(
        members.map((member, i) => member.assign(wanted[i]!.filter((p) => member.assigned.includes(p)))),
      );
      await Promise.all(
        members.map((member, i) => (group.members.includes(member) ? member.assign(wanted[i]!) : undefined)),
      );
    });
    return group.sharing;
  }
}
