/** A module and what its files may import. The first whose folder a path starts with is the one that the file is in. */
export interface Module {
  /** Path from the root, ending in a slash. */
  folder: string;
  /** Folders of other modules; its own is always allowed. */
  mayImport: readonly string[];
  /** Packages and node modules by name or prefix ending in `*`. */
  packages: readonly string[];
}

const nest = ['@nestjs/*', 'reflect-metadata', 'rxjs', 'rxjs/*', 'fastify', '@fastify/*'];

export const modules: readonly Module[] = [
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
  // Questions of analysts. Knows the write side by its events only.
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
  { folder: 'libs/platform/command-handling/cqrs/', mayImport: ['libs/platform/'], packages: nest },
  // Neither side, no app, no driver.
  { folder: 'libs/platform/', mayImport: ['libs/platform/'], packages: ['zod', 'node:*'] },
  // Apps compose; nothing imports an app.
  {
    folder: 'apps/',
    mayImport: ['libs/'],
    packages: [...nest, 'commander', 'cli-progress', 'zod', 'node:*'],
  },
];

/** The module of a file. */
export const moduleOf = (file: string): Module | undefined => modules.find(({ folder }) => file.startsWith(folder));

/** What is wrong with a file's import of another file, or undefined. */
export function forbiddenImport(from: string, to: string): string | undefined {
  const module = moduleOf(from);
  if (!module) return `${from} is in no module: name it in test/architecture/boundaries.ts`;
  const app = /^apps\/[^/]+\//.exec(from)?.[0];
  const own = app ?? module.folder;
  if (to.startsWith(own) || module.mayImport.some((folder) => to.startsWith(folder))) return undefined;
  return `${from} -> ${to}: ${own} may import ${[own, ...module.mayImport].join(', ')} only`;
}

/** What is wrong with a file's import of a package, or undefined. */
export function forbiddenPackage(from: string, name: string): string | undefined {
  const module = moduleOf(from);
  const allowed = module?.packages.some((each) =>
    each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : each === name,
  );
  return allowed
    ? undefined
    : `${from} -> ${name}: ${module?.folder} may use ${module?.packages.join(', ') || 'no package'}`;
}
