import type { Metrics, Sample } from '#platform/observability/metrics.js';
import type { PolicyFigures } from '#platform/policies/policy-figures.js';
import type { PolicyHost } from '#platform/policies/policy-host.js';

const labels = ['policy'];

/** What policies have read, have to send and could not. */
export function measurePolicies(
  metrics: Metrics,
  host: Pick<PolicyHost, 'figures' | 'deletedOutcomes' | 'partitions'>,
): void {
  metrics.pull(
    'policies',
    {
      lag: { name: 'yad_policy_lag_events', help: 'Positions of the log that a policy has not read yet.', labels },
      due: { name: 'yad_policy_due', help: 'Commands of a policy that are due and not sent, up to 10,000.', labels },
      overdue: {
        name: 'yad_policy_overdue_seconds',
        help: 'Since when the first command of a policy is due that is not sent; 0 without any.',
        labels,
      },
      parked: {
        name: 'yad_policy_parked',
        help: 'Commands of a policy that failed for good, until they are taken up again.',
        labels,
      },
      deleted: {
        name: 'yad_policy_outcomes_deleted_total',
        help: 'Outcomes of a policy that were old and that this process has deleted.',
        labels,
      },
      partitions: { name: 'yad_policy_partitions', help: 'Partitions that the bus has given to this process.' },
    },
    async () => {
      const figures = await host.figures();
      const of = (read: (figure: PolicyFigures) => number): Sample[] =>
        figures.map((figure) => [{ policy: figure.policy }, read(figure)]);
      return {
        lag: of(({ lagEvents }) => Number(lagEvents)),
        due: of(({ due }) => due),
        overdue: of(({ overdueSeconds }) => overdueSeconds),
        parked: of(({ parked }) => parked),
        deleted: of(({ policy }) => host.deletedOutcomes.get(policy) ?? 0),
        partitions: [[{}, host.partitions]],
      };
    },
  );
}
