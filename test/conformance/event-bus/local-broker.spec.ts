import { expect, it } from '@jest/globals';
import { clusterId } from '../../../tools/kafka/storage.mjs';

it('formats no storage for a cluster whose id looks like an option', () => {
  for (let first = 0; first < 256; first++) {
    const random = Buffer.alloc(16, 0xff);
    random[0] = first;
    expect(clusterId(random)).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  }
});
