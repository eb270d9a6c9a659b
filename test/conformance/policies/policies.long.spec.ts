import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { World } from './fixture.js';
import { policiesProperty } from './policies.property.js';

describe('policies, whatever happens, many times', () => {
  let world: World;
  beforeAll(async () => void (world = await World.open()), 60_000);
  afterAll(() => world?.close());
  it('send each command once, at its time', () => policiesProperty(world, 300, 80), 600_000);
});
