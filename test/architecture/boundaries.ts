/** A module and what its files may import. The first whose folder a path starts with is the one that the file is in. */
export interface Module {
  /** Path from the root, ending in a slash; or one file. */
  folder: string;
  /** Folders of other modules; its own is always allowed. */
  mayImport: readonly string[];
  /** Packages and node modules by name or prefix ending in `*`. */
  packages: readonly string[];
}

const nest = ['@nestjs/*', 'reflect-metadata', 'rxjs', 'rxjs/*', 'fastify', '@fastify/*'];

const platform = (name: string, mayImport: readonly string[], packages: readonly string[] = []): Module => ({
  folder: `libs/platform/${name}/`,
  mayImport: mayImport.map((each) => `libs/platform/${each}${each.endsWith('.ts') ? '' : '/'}`),
  packages: ['zod', 'node:*', ...packages],
});

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
    packages: ['zod'],
  },

  // The platform: true in any domain. What each of its modules may import is a graph without cycles; a spec sees to it.
  {
    folder: 'libs/platform/kernel/',
    mayImport: [],
    packages: ['zod', 'uuid', 'decimal.js', 'currency-codes', 'node:crypto', 'node:util'],
  },
  // What an error of the database means, for whoever answers one. Knows no driver.
  { folder: 'libs/platform/postgres/errors.ts', mayImport: [], packages: [] },
  // What a line of the log may say, for whoever tells one. Knows no library.
  { folder: 'libs/platform/observability/log.ts', mayImport: [], packages: [] },
  // What a running process tells: the only module with pino, prom-client and OpenTelemetry.
  platform('observability', ['observability/log.ts'], [...['pino', 'pino-pretty', 'prom-client'], '@opentelemetry/*']),
  // The only module with the PostgreSQL driver, and its embedded server.
  platform('postgres', ['kernel', 'postgres/errors.ts'], ['pg', 'pg-copy-streams']),
  platform('event-store/memory', ['kernel', 'event-store']),
  platform('event-store/postgres', ['kernel', 'postgres', 'event-store']),
  // The only module with the KurrentDB driver.
  platform('event-store/kurrentdb', ['kernel', 'postgres', 'event-store'], ['@kurrent/kurrentdb-client']),
  // The port; adapters stand beside it and are known to `runtime` alone.
  platform('event-store', ['kernel']),
  // The only module with the Kafka driver.
  platform('event-bus/kafka', ['kernel', 'event-store', 'event-bus'], ['kafkajs']),
  platform('event-bus/local', ['kernel', 'event-store', 'event-bus']),
  platform('event-bus/relay', ['kernel', 'postgres', 'event-store', 'event-bus']),
  // What every consumer does with deliveries: what follows, what is missing, one turn at a time.
  platform('event-bus/consuming', ['kernel', 'event-store', 'event-bus']),
  platform('event-bus', ['kernel']),
  // What the database of the keys knows of the log.
  platform('witness', ['kernel', 'postgres', 'event-store']),
  // Events' stored form; what is personal in it.
  platform('privacy', ['kernel']),
  // Tokens of an issuer.
  platform('access/tokens', ['kernel', 'access'], ['jose']),
  // Where API keys lie.
  platform('access/api-keys', ['kernel', 'access', 'postgres']),
  // Who is asking, and what for they may.
  platform('access/log', ['kernel', 'postgres', 'access']),
  platform('access', ['kernel']),
  // The form of what is published, as schemas.
  platform('schemas', ['kernel']),
  // The log by position, for consumers of other services.
  platform('event-feed', ['kernel', 'event-store']),
  platform('command-handling', ['kernel', 'event-store']),
  platform('projections', ['kernel', 'postgres', 'event-store', 'event-bus', 'event-bus/consuming'], ['typeorm']),
  // What is to be done when something has happened, now or later.
  platform('policies', ['kernel', 'postgres', 'event-store', 'event-bus', 'event-bus/consuming', 'command-handling']),
  // What changed between two points of the log.
  platform('differences', ['kernel', 'access', 'event-bus', 'event-store', 'projections', 'audit']),
  platform('audit', ['kernel', 'access', 'event-store', 'projections', 'schemas']),
  platform('cqrs', ['kernel', 'command-handling', 'projections'], ['@nestjs/common', '@nestjs/cqrs']),
  // Where the keys of cursors lie. HTTP itself knows no database.
  platform('http/cursor-keys', ['postgres']),
  platform(
    'http',
    [
      ...['kernel', 'access', 'command-handling', 'cqrs', 'projections', 'schemas', 'event-feed'],
      ...['http/cursor-keys', 'postgres/errors.ts', 'observability/log.ts'],
    ],
    nest,
  ),
  // The one module that knows every adapter.
  platform(
    'runtime',
    [
      ...[
        'kernel',
        'access',
        'access/api-keys',
        'access/tokens',
        'access/log',
        'audit',
        'command-handling',
        'differences',
        'event-feed',
        'http',
        'privacy',
        'policies',
        'projections',
        'schemas',
        'event-store',
        'event-store/postgres',
        'event-store/kurrentdb',
        'postgres',
        'witness',
      ],
      ...['event-bus', 'event-bus/kafka', 'event-bus/local', 'event-bus/relay', 'http/cursor-keys'],
      ...['observability', 'observability/log.ts', 'postgres'],
    ],
    ['@nestjs/platform-fastify'],
  ),

  // Apps compose; nothing imports an app.
  {
    folder: 'apps/definitions.ts',
    mayImport: ['libs/'],
    packages: [],
  },
  {
    folder: 'apps/',
    mayImport: ['libs/', 'apps/definitions.ts'],
    packages: [...nest, 'commander', 'cli-progress', 'zod', 'node:*'],
  },
];

/** The module of a file. */
export const moduleOf = (file: string): Module | undefined => modules.find(({ folder }) => file.startsWith(folder));

/** What is wrong with a file's import of another file, or undefined. */
export function forbiddenImport(from: string, to: string): string | undefined {
  const module = moduleOf(from);
  if (!module) return `${from} is in no module: name it in test/architecture/boundaries.ts`;
  const app = /^apps\/(?:[^/]+\/|.*)/.exec(from)?.[0];
  const own = app ?? module.folder;
  // A module within another one is not part of it: an adapter is not of its port's module.
  const target = app ? undefined : moduleOf(to)?.folder;
  const isOwn = to.startsWith(own) && (target === undefined || target === own);
  const allowed = module.mayImport.some((folder) => to.startsWith(folder) && (app || (target ?? '') === folder));
  if (isOwn || allowed) return undefined;
  return `${from} -> ${to}: ${own} may import ${[own, ...module.mayImport].join(', ')} only`;
}

/** Modules of the platform that may import each other, by way of others or not: a path that ends where it began. */
export function cycleAmong(given: readonly Pick<Module, 'folder' | 'mayImport'>[]): string[] | undefined {
  const known = new Map(given.map(({ folder, mayImport }) => [folder, mayImport]));
  const settled = new Set<string>();
  const walk = (folder: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(folder)) return [...path.slice(path.indexOf(folder)), folder];
    if (settled.has(folder)) return undefined;
    for (const next of known.get(folder) ?? []) {
      const found = walk(next, [...path, folder]);
      if (found) return found;
    }
    settled.add(folder);
    return undefined;
  };
  for (const folder of known.keys()) {
    const found = walk(folder, []);
    if (found) return found;
  }
  return undefined;
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
