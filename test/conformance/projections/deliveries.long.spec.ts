import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { deliveriesProperty } from './deliveries.property.js';
import { World } from './fixture.js';

let world: World;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

describe('deliveries', () => {
  it('may come in any order, twice or never, to two writers: the rows are the same', async () => {
    await deliveriesProperty(world, 400, 120);
  }, 600000);
});
