import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { operationRoles, rolesReference, type OperationRoles } from '#apps/operations/roles-reference.js';
import { ApiKeyAdmin } from '#platform/access/api-keys/api-key-admin.js';
import { newApiKey } from '#platform/access/api-key.js';
import { OPEN_ADDRESSES } from '#platform/http/openapi/access.js';
import { ROLES, type Role } from '#platform/kernel/command.js';
import { newId } from '#platform/kernel/ids.js';
import { startSystem, type System } from '../support/system.js';

// Every operation with every role, and without any, over HTTP on the system as it is composed: what the table says is
// what happens, and what an app serves is in the table.

interface Route {
  readonly method: string;
  readonly url: string;
}

/** Who asks: a role, or why it is nobody. */
type Sender = Role | 'no credentials' | 'expired' | 'revoked' | "nobody's key" | 'no token';
const NOBODY: Readonly<Record<Exclude<Sender, Role>, string>> = {
  'no credentials': 'unauthenticated',
  expired: 'credentials-expired',
  revoked: 'credentials-revoked',
  "nobody's key": 'credentials-invalid',
  'no token': 'credentials-invalid',
};

const operations = operationRoles();

describe('the table of roles', () => {
  const routes: Route[] = [];
  let system: System;
  const headers = new Map<Sender, Record<string, string>>();

  beforeAll(async () => {
    system = await startSystem(undefined, {
      onRoute: ({ method, url }) => {
        for (const each of [method].flat()) routes.push({ method: each, url });
      },
    });
    const admin = await ApiKeyAdmin.connect(system.databaseUrl);
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    for (const role of ROLES) {
      // The feed takes a purpose beside the role, which changes nothing for the others.
      const { key } = await admin.create({ name: `the-${role}`, roles: [role], personalDataFor: 'this spec' });
      headers.set(role, bearer(key));
    }
    const soon = new Date(Date.now() + 1_000);
    const expired = await admin.create({ name: 'expired', roles: [...ROLES], expiresAt: soon });
    const revoked = await admin.create({ name: 'revoked', roles: [...ROLES] });
    await admin.revoke('revoked');
    await admin.close();
    headers.set('expired', bearer(expired.key)).set('revoked', bearer(revoked.key));
    headers.set('no credentials', {}).set("nobody's key", bearer(newApiKey().key)).set('no token', bearer('eyJ.e30.x'));
    // From here on the process has heard of all of it.
    for (const end = Date.now() + 20_000; ;) {
      const kinds = await Promise.all(
        (['no credentials', 'expired', 'revoked'] as const).map(async (sender) => {
          const { body } = await ask({ method: 'GET', path: '/v1/customers' }, sender);
          return body?.type === `urn:yad:problem:${NOBODY[sender]}`;
        }),
      );
      if (kinds.every(Boolean)) break;
      if (Date.now() > end) throw new Error('the system does not hear of its keys');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }, 90_000);
  afterAll(() => system?.stop());

  /** Sends what is of the right form and of nothing that is there, so that nothing is stored. */
  async function ask({ method, path }: Pick<OperationRoles, 'method' | 'path'>, sender: Sender) {
    const values: Record<string, string> = { aggregate: 'order', position: '1', type: 'none', version: '1' };
    const url = path.replace(/\{(\w+)\}/g, (_all, name: string) => values[name] ?? newId());
    const hasBody = method !== 'GET';
    const answer = await fetch(`${system.url}${url}`, {
      method,
      headers: { ...headers.get(sender), ...(hasBody && { 'content-type': 'application/json' }) },
      body: hasBody ? '{"items":0,"no such field":0}' : undefined,
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    return {
      status: answer.status,
      body: isJson ? JSON.parse(text) : undefined,
      challenge: answer.headers.get('www-authenticate'),
    };
  }

  it('is what docs/reference/roles.md shows', () => {
    expect(readFileSync('docs/reference/roles.md', 'utf8')).toBe(rolesReference());
    expect(operations.length).toBeGreaterThan(80);
    // A role that may do nothing, or everything, would show that nobody has looked.
    for (const role of ROLES) {
      const may = operations.filter(({ roles }) => roles?.includes(role)).length;
      expect([role, may > 0, may < operations.length]).toEqual([role, true, true]);
    }
  });

  it('has every route of the app, and no other', () => {
    const served = new Set(
      routes
        .filter(({ method }) => method !== 'HEAD' && method !== 'OPTIONS')
        .map(({ method, url }) => `${method} ${url.replace('::', ':').replace(/\/:(\w+)/g, '/{$1}')}`),
    );
    expect(served.size).toBeGreaterThan(80);
    const known = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    const isOpen = (route: string): boolean =>
      OPEN_ADDRESSES.some(({ path }) => route === `GET ${path}` || route.startsWith(`GET ${path}/`));
    expect([...served].filter((route) => !known.has(route) && !isOpen(route))).toEqual([]);
    expect([...known].filter((route) => !served.has(route))).toEqual([]);
  });

  const closed = operations.filter(({ roles }) => roles !== undefined);
  it.each(closed.map((each) => [each.name, each] as const))('holds for %s', async (_name, operation) => {
    for (const role of ROLES) {
      const { status, body } = await ask(operation, role);
      const isLetIn = status !== 401 && status !== 403;
      expect([role, isLetIn ? 'may' : body.type]).toEqual([
        role,
        operation.roles!.includes(role) ? 'may' : 'urn:yad:problem:forbidden',
      ]);
      expect(status).toBeLessThan(500);
    }
    for (const [sender, kind] of Object.entries(NOBODY) as [Exclude<Sender, Role>, string][]) {
      const { status, body, challenge } = await ask(operation, sender);
      expect([sender, status, body.type]).toEqual([sender, 401, `urn:yad:problem:${kind}`]);
      expect(challenge).toMatch(/^Bearer realm="yad"/);
    }
  });

  const open = operations.filter(({ roles }) => roles === undefined);
  it.each([...open.map(({ path }) => path), ...OPEN_ADDRESSES.map(({ path }) => path)])(
    'is open to whoever asks: %s',
    async (path) => {
      for (const sender of ['no credentials', 'revoked', 'analyst'] as const) {
        expect([401, 403]).not.toContain((await ask({ method: 'GET', path }, sender)).status);
      }
    },
  );

  it('let nobody store anything', async () => {
    expect(await system.head()).toBe(0n);
  });
});
