import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import type { EventBus, Published } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Clock } from '#platform/kernel/clock.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { ActivePolicy } from '#platform/policies/pending.js';
import { PolicyHost, type PolicyHostOptions } from '#platform/policies/policy-host.js';
import type { Part } from './composition.js';
import { kafkaOf, type KafkaSettings } from './connections.js';
import { WrongSettings, type Environment } from './environment.js';

/** The bus that a process reads from. */
export interface BusOfProcess {
  readonly bus: EventBus;
  /** It shares partitions out among processes. */
  readonly isShared: boolean;
  readonly published?: () => Promise<Published>;
}

/** How policies are set. */
export interface PolicySettings {
  /** In which days are counted that have no zone of their own. */
  readonly zone?: string;
  /** Days by the name of the setting; a policy whose setting is not here is off. */
  readonly days?: Readonly<Record<string, number>>;
  /** For how many days outcomes are kept; for good without it. */
  readonly outcomesDays?: number;
  readonly clock?: Clock;
  readonly limits?: PolicyHostOptions['limits'];
}

/** The parts of an app, with the policies unless they are switched off. */
export const partsOf = (parts: readonly Part[], { YAD_POLICIES }: Environment): readonly Part[] =>
  YAD_POLICIES === 'off' ? parts : [...parts, 'policies'];

/**
 * From where the policies of an app are fed that has no read models: Kafka where it is said so, else the log itself.
 * @throws WrongSettings where Kafka is meant and no broker is named
 */
export function kafkaOfPolicies(environment: Environment): KafkaSettings | undefined {
  if (environment.YAD_POLICIES !== 'kafka') return undefined;
  const kafka = kafkaOf(environment);
  if (!kafka) throw new WrongSettings(['YAD_POLICIES is kafka, and KAFKA_BROKERS is not set']);
  return kafka;
}

/** @throws WrongSettings where an app that has its own bus is to read Kafka */
export function assertNoKafka({ YAD_POLICIES }: Environment): void {
  if (YAD_POLICIES !== 'kafka') return;
  throw new WrongSettings(['YAD_POLICIES is kafka, which is for processes of operations: this app reads its own log']);
}

/** What the settings say of policies. */
export function policiesOf(environment: Environment): PolicySettings {
  const days = Object.entries(environment).filter(([, value]) => typeof value === 'number') as [string, number][];
  const { YAD_POLICY_ZONE: zone, YAD_POLICY_OUTCOMES_DAYS: outcomesDays } = environment;
  return { zone, outcomesDays, days: Object.fromEntries(days) };
}

/** The policies that are on: those without a setting, and those whose setting is there. */
export const activePolicies = (
  definitions: readonly PolicyDefinition[],
  { days = {} }: PolicySettings = {},
): ActivePolicy[] =>
  definitions.flatMap((definition) => {
    const { setting } = definition;
    if (setting === undefined) return [{ definition, days: 0 }];
    const own = days[setting];
    return own === undefined ? [] : [{ definition, days: own }];
  });

/** Runs the policies that are on. */
export function startPolicies(options: {
  readonly definitions: readonly PolicyDefinition[];
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly gateway: CommandGateway;
  readonly bus: EventBus;
  readonly isShared: boolean;
  readonly published?: () => Promise<Published>;
  readonly databaseUrl: string;
  readonly onError: (trouble: unknown) => void;
  readonly settings?: PolicySettings;
}): Promise<PolicyHost> {
  const { definitions, settings = {}, ...rest } = options;
  const { zone, outcomesDays, clock, limits } = settings;
  const policies = activePolicies(definitions, settings);
  return PolicyHost.start({ ...rest, policies, zone, outcomesDays, clock, limits });
}
