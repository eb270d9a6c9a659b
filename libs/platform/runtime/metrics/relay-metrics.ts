import type { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import type { Relay, RelayStatus } from '#platform/event-bus/relay/relay.js';
import type { RelayState } from '#platform/event-bus/relay/relay-state.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import type { Metrics, Sample } from '#platform/observability/metrics.js';
import { ageAfter, measurePools, measureStore } from './store-metrics.js';

export interface MeasuredRelay {
  readonly relay: Pick<Relay, 'status'>;
  readonly state: Pick<RelayState, 'position'>;
  readonly store: Pick<EventStore, 'head' | 'identity' | 'readAll'>;
  readonly publisher: Pick<KafkaPublisher, 'outage'>;
}

const ROLES: readonly RelayStatus['role'][] = ['active', 'waiting', 'ended'];

/** How far the relay has come, by whichever process; and what this one does. */
export function measureRelay(
  metrics: Metrics,
  { relay, state, store, publisher }: MeasuredRelay,
  clock: Clock = systemClock,
): void {
  measureStore(metrics, store);
  measurePools(metrics);
  metrics.pull(
    'relay',
    {
      role: { name: 'yad_relay_role', help: '1 for what this process is: one is active.', labels: ['role'] },
      outage: { name: 'yad_relay_outage_seconds', help: 'How long nothing could be published; 0 while it can.' },
    },
    () => ({
      role: ROLES.map((role): Sample => [{ role }, relay.status.role === role ? 1 : 0]),
      outage: [[{}, publisher.outage ? (performance.now() - publisher.outage.since) / 1000 : 0]],
    }),
  );
  metrics.pull(
    'position of the relay',
    {
      position: { name: 'yad_relay_position', help: 'All at or below is on the topic, by whichever relay.' },
      events: { name: 'yad_relay_lag_events', help: 'Positions of the log that are not on the topic yet.' },
      seconds: { name: 'yad_relay_lag_seconds', help: 'Age of the oldest event that is not on the topic yet.' },
    },
    async () => {
      const position = await state.position();
      const { position: head } = await store.head();
      const lag = head > position ? head - position : 0n;
      const seconds = lag > 0n ? await ageAfter(store, position, clock) : 0;
      return { position: [[{}, Number(position)]], events: [[{}, Number(lag)]], seconds: [[{}, seconds]] };
    },
  );
}
