import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import type { EventBus, Published, Subscription } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { backoff } from '#platform/kernel/backoff.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { newId, SecretIds } from '#platform/kernel/ids.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { guardPolicies, isGuarded } from './log-guard.js';
import { deleteOldOutcomes, OUTCOMES_IN_A_STEP } from './old-outcomes.js';
import { PolicyReader, type ActivePolicy } from './pending.js';
import { policySchema } from './policies.migrations.js';
import { PolicyBooks } from './policy-books.js';
import { PolicyConsumer } from './policy-consumer.js';
import { policyFigures, type PolicyFigures } from './policy-figures.js';
import { PolicyMember } from './policy-member.js';
import { PolicySender, usualLimits, type SendLimits } from './policy-sender.js';
import { KeptStates } from './policy-states.js';
import { emptyPartitions, PolicyWatch } from './policy-watch.js';
import { SendQueue } from './send-queue.js';
import { CommandSender } from './sending.js';

const DAY_MS = 86_400_000;
/** How often it is looked whether outcomes are old, where there are few of them. */
const SWEEP_EVERY_MS = 60_000;

export interface PolicyHostOptions {
  readonly bus: EventBus;
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly gateway: CommandGateway;
  readonly policies: readonly ActivePolicy[];
  /** Where what they have to do is kept: best with the log. */
  readonly databaseUrl: string;
  /** In which days are counted that have no zone of their own. */
  readonly zone?: string;
  readonly clock?: Clock;
  /** What the relay has put on the bus; absent where the bus reads the log itself. */
  readonly published?: () => Promise<Published>;
  /**
   * The bus shares its partitions out among all processes, as Kafka does. Otherwise the process that sends for a policy
   * reads for it, too, and the others stand by.
   */
  readonly isShared?: boolean;
  /** Consumer group of the bus. */
  readonly group?: string;
  readonly limits?: Partial<SendLimits>;
  /** For how many days it is kept what became of commands; for good without it. */
  readonly outcomesDays?: number;
  /** How often it is looked whether something is overdue, in milliseconds. */
  readonly watchMs?: number;
  /** Told of what goes wrong and is tried again, and of what is parked. */
  readonly onError?: (error: unknown) => void;
}

/** What a command's id is made under: the same as of commands from HTTP. */
export const commandIds = ({ identity }: Pick<EventStore, 'identity'>): SecretIds =>
  new SecretIds(identity.lastingKeyFor('commands'));

/** Runs policies in this process: reads what happens, keeps what is to be sent, and sends it when it is due. */
export class PolicyHost {
  private readonly members: readonly PolicyMember[];
  private readonly consumer: PolicyConsumer;
  private readonly sender: PolicySender;
  private readonly books: PolicyBooks;
  private readonly watch = new PolicyWatch();
  private readonly closing = new AbortController();
  private readonly unwatch: () => void;
  private subscription: Subscription | undefined;
  private subscribing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  /** When it is looked next whether outcomes are old. */
  private sweepAt = 0;
  /** Old outcomes that this process has deleted, by policy. */
  readonly deletedOutcomes = new Map<string, number>();

  private constructor(
    private readonly options: PolicyHostOptions,
    private readonly pool: Pool,
  ) {
    const { bus, store, codec, gateway, policies, zone = 'UTC', clock = systemClock, limits } = options;
    const ids = commandIds(store);
    const reader = new PolicyReader({ codec, ids, zone });
    const states = new KeptStates(pool, { store, codec }, bus.partitions);
    this.members = policies.map((policy) => new PolicyMember(policy, reader, states));
    this.books = new PolicyBooks(pool);
    this.sender = new PolicySender({
      queue: new SendQueue(pool, newId()),
      sender: new CommandSender({ store, codec, gateway, ids, reader, states, clock }),
      store,
      clock,
      active: () => this.members.filter(({ isAside }) => !isAside).map(({ policy }) => policy),
      limits: { ...usualLimits, ...limits },
      onError: this.report,
    });
    this.consumer = new PolicyConsumer({
      members: this.members,
      books: this.books,
      log: { store, partitions: bus.partitions },
      clock,
      readsFor: (policy) => options.isShared || this.sender.sendsFor(policy),
      onAdded: () => this.sender.wake(),
      onError: this.report,
    });
    this.unwatch = store.onIncarnation(() => this.consumer.forget());
  }

  /** Brings the schema up to date, and starts to read and to send. A broker that is away keeps nothing from starting. */
  static async start(options: PolicyHostOptions): Promise<PolicyHost> {
    const { databaseUrl, bus, store } = options;
    await bringUpToDate(databaseUrl, policySchema);
    // What a server loses of the last moment is read from the log again.
    const pool = createPool(databaseUrl, {
      role: 'write',
      max: 6,
      applicationName: 'yad policies',
      synchronousCommit: 'off',
    });
    try {
      await guardPolicies(pool, store, bus.partitions);
      const host = new PolicyHost(options, pool);
      await host.consumer.load();
      await host.sender.renew();
      host.run();
      return host;
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  /** A note where policies wait for newer code, or are left to it. Whoever answers commands is ready all the same. */
  async ready(): Promise<string> {
    const { rows } = await this.pool.query<{ policy: string; waits: string }>(
      `select distinct policy, waits_for as waits from policies.checkpoints where waits_for is not null order by 1, 2`,
    );
    const aside = this.members.filter(({ isAside }) => isAside).map(({ name }) => `${name} is left to newer code`);
    return [...rows.map(({ policy, waits }) => `${policy} waits for code that knows ${waits}`), ...aside].join('; ');
  }

  /** How the policies that run here are doing, over all processes. */
  async figures(): Promise<PolicyFigures[]> {
    const { store, clock = systemClock } = this.options;
    const own = this.members.filter(({ isAside }) => !isAside).map(({ name }) => name);
    return policyFigures(this.pool, own, { head: (await store.head()).position, now: clock.now() });
  }

  /** Partitions that the bus has given to this process. */
  get partitions(): number {
    return this.consumer.assigned.size;
  }

  async stop(): Promise<void> {
    this.closing.abort(new Error('the policies stop'));
    this.unwatch();
    clearInterval(this.timer);
    await this.looking;
    const closed = this.subscription?.close();
    // A delivery that waits for a database that is away must not keep the bus from closing for ever.
    await Promise.race([closed, sleep(3_000, undefined, { ref: false })]);
    await Promise.race([this.consumer.flush().catch(() => {}), sleep(1_000, undefined, { ref: false })]);
    await this.consumer.close();
    await closed;
    await this.subscribing;
    await this.sender.stop();
    await this.pool.end();
  }

  private run(): void {
    this.subscribing = this.subscribe();
    this.sender.start();
    this.timer = setInterval(() => {
      this.looking ??= this.look()
        .catch(this.report)
        .finally(() => (this.looking = undefined));
    }, this.options.watchMs ?? 1_000);
  }

  private async subscribe(): Promise<void> {
    const { bus, group = 'yad-policies' } = this.options;
    const { signal } = this.closing;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const subscription = await bus.subscribe(group, this.consumer);
        if (signal.aborted) await subscription.close();
        else this.subscription = subscription;
        return;
      } catch (error) {
        this.report(error);
        await sleep(backoff(failures, { firstMs: 200 }), undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Whether somebody else has moved on, the log has lost something, or the bus has. */
  private async look(): Promise<void> {
    const { store, bus, published } = this.options;
    if (!(await isGuarded(this.pool, store))) {
      await guardPolicies(this.pool, store, bus.partitions);
      this.consumer.forget();
    }
    await this.consumer.flush();
    const states = await this.books.states();
    for (const member of this.members) {
      const state = states.get(member.name);
      if (!state || member.isMoved(state)) member.loaded = false;
    }
    const onBus = await published?.();
    const horizon = onBus?.position ?? (await store.head()).position;
    const own = this.members.filter(({ isAside }) => !isAside).map(({ name }) => name);
    const targets = this.watch.overdue(own, this.consumer.assigned, { states, horizon });
    if (targets.size > 0) await this.consumer.reconcile(targets, emptyPartitions(targets, states, onBus));
    await this.sweep(own.filter((name) => this.sender.sendsFor(name)));
  }

  /** Deletes some of the outcomes that are old; soon again where there may be more. */
  private async sweep(policies: readonly string[]): Promise<void> {
    const { outcomesDays, clock = systemClock } = this.options;
    if (outcomesDays === undefined || performance.now() < this.sweepAt) return;
    const before = new Date(clock.now().getTime() - outcomesDays * DAY_MS);
    const deleted = await deleteOldOutcomes(this.pool, policies, before);
    let all = 0;
    for (const [policy, count] of deleted) {
      all += count;
      this.deletedOutcomes.set(policy, (this.deletedOutcomes.get(policy) ?? 0) + count);
    }
    this.sweepAt = performance.now() + (all < OUTCOMES_IN_A_STEP ? SWEEP_EVERY_MS : 0);
  }

  private readonly report = (error: unknown): void => {
    if (!this.closing.signal.aborted) this.options.onError?.(error);
  };
}
