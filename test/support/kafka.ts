import { describe } from '@jest/globals';

/** Addresses of the broker that the specs may use; undefined where there is none. */
export const testBrokers = process.env['YAD_TEST_KAFKA_BROKERS']?.split(',').filter((each) => each !== '');

/**
 * A `describe` of what needs a Kafka broker: it runs where YAD_TEST_KAFKA_BROKERS names one.
 * @throws Error when there is none although nothing may be skipped (YAD_TEST_NO_SKIP)
 */
export function describeWithKafka(name: string, specs: (brokers: string[]) => void): void {
  if (testBrokers?.length) {
    describe(name, () => specs(testBrokers));
    return;
  }
  const missing = `${name}: not run, for YAD_TEST_KAFKA_BROKERS names no Kafka broker`;
  if (process.env['YAD_TEST_NO_SKIP']) throw new Error(missing);
  console.log(missing);
  describe.skip(name, () => specs([]));
}
