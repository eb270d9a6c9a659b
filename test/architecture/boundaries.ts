/** A folder of the house and what its files may import. The first room that a path starts with is the one it is in. */
export interface Room {
  /** Path from the root, ending in a slash. */
  folder: string;
  /** Folders of the house; its own is always allowed. */
  mayImport: readonly string[];
  /** Packages and node modules by name or prefix ending in `*`. */
  packages: readonly string[];
}

const nest = ['@nestjs/*', 'reflect-metadata', 'rxjs', 'rxjs/*', 'fastify', '@fastify/*'];

export const house: readonly Room[] = [
  // The published language: no behaviour, but that one thing is written in one way.
  {
    folder: 'libs/contracts/',
    mayImport: ['libs/platform/kernel/'],
    packages: ['zod', 'libphonenumber-js/min', 'node:url'],
  },
  // Business truths without I/O.
  {
    folder: 'libs/operational/',
    mayImport: ['libs/contracts/', 'libs/platform/kernel/'],
    packages: ['zod', 'node:util'],
  },
  // Questions of analysts. Knows the operational wing by its events only.
  {
    folder: 'libs/analytical/',
    mayImport: ['libs/contracts/', 'libs/platform/kernel/', 'libs/platform/projections/'],
    packages: ['zod', 'typeorm', 'reflect-metadata'],
  },
  {
    folder: 'libs/platform/kernel/',
    mayImport: [],
    packages: ['zod', 'uuid', 'decimal.js', 'currency-codes', 'node:crypto', 'node:util'],
  },
  // The only folder with the PostgreSQL driver, and its embedded server.
  { folder: 'libs/platform/postgres/', mayImport: ['libs/platform/'], packages: ['pg', 'pg-copy-streams', 'node:*'] },
  // The only folder with the Kafka driver.
  {
    folder: 'libs/platform/event-bus/kafka/',
    mayImport: ['libs/platform/'],
    packages: ['kafkajs', 'cloudevents', 'node:*'],
  },
  {
    folder: 'libs/platform/projections/',
    mayImport: ['libs/platform/'],
    packages: ['zod', 'typeorm', 'typeorm/*', 'reflect-metadata', 'node:*'],
  },
  { folder: 'libs/platform/http/', mayImport: ['libs/platform/'], packages: ['zod', ...nest, 'node:*'] },
  { folder: 'libs/platform/commands/cqrs/', mayImport: ['libs/platform/'], packages: nest },
  // Neither wing, no app, no driver.
  { folder: 'libs/platform/', mayImport: ['libs/platform/'], packages: ['zod', 'node:*'] },
  // Apps compose; nothing imports an app.
  {
    folder: 'apps/',
    mayImport: ['libs/'],
    packages: [...nest, 'commander', 'cli-progress', 'zod', 'node:*'],
  },
];

/** The room of a file. */
export const roomOf = (file: string): Room | undefined => house.find(({ folder }) => file.startsWith(folder));

/** What is wrong with a file's import of another file of the house, or undefined. */
export function wrongArrow(from: string, to: string): string | undefined {
  const room = roomOf(from);
  if (!room) return `${from} is in no room of the house: name it in test/architecture/arrows.ts`;
  const app = /^apps\/[^/]+\//.exec(from)?.[0];
  const own = app ?? room.folder;
  if (to.startsWith(own) || room.mayImport.some((folder) => to.startsWith(folder))) return undefined;
  return `${from} -> ${to}: ${own} may import ${[own, ...room.mayImport].join(', ')} only`;
}

/** What is wrong with a file's import of a package, or undefined. */
export function wrongPackage(from: string, name: string): string | undefined {
  const room = roomOf(from);
  const allowed = room?.packages.some((each) =>
    each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : each === name,
  );
  return allowed
    ? undefined
    : `${from} -> ${name}: ${room?.folder} may use ${room?.packages.join(', ') || 'no package'}`;
}
