import { OPEN_ADDRESSES } from '#platform/http/openapi/access.js';
import { ROLES, type Role } from '#platform/kernel/command.js';
import { apiDocument } from './api-document.js';

/** One operation, and who may. */
export interface OperationRoles {
  readonly name: string;
  readonly method: string;
  /** As OpenAPI writes it, with `{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Absent: whoever asks, signed in or not. */
  readonly roles?: readonly Role[];
}

/** Every operation of the whole system, in the order of its document. */
export function operationRoles(): readonly OperationRoles[] {
  const paths = apiDocument()['paths'] as Record<string, Record<string, any>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, summary, security, 'x-roles': roles }]) => {
      // Fails the build where somebody forgets to say it.
      if (!Array.isArray(security) || security.length > 0 !== Array.isArray(roles)) {
        throw new Error(`${operationId}: its document does not say who may`);
      }
      return { name: operationId, method: method.toUpperCase(), path, summary, roles };
    }),
  );
}

/** The table of operations by roles, as Markdown: `docs/reference/roles.md`. */
export function rolesReference(): string {
  const head = ['operation', 'address', ...ROLES, 'nobody'];
  const row = ({ name, method, path, roles }: Omit<OperationRoles, 'summary'>): string[] => [
    name,
    `\`${method} ${path}\``,
    ...ROLES.map((role) => (!roles || roles.includes(role) ? 'yes' : '')),
    roles ? '' : 'yes',
  ];
  const open = OPEN_ADDRESSES.map(({ path, what }) => row({ name: what, method: 'GET', path }));
  const rows = [head, head.map(() => '---'), ...operationRoles().map(row), ...open];
  return `# Who may do what

Every address and the roles that may use it, made from the definitions by \`npm run documents\`. Who signs in has one role at least ([sign-in](../guides/sign-in.md)); \`nobody\` is a request without credentials. \`test/end-to-end/role-matrix.spec.ts\` tries each line with each role, without credentials, and with a key that has expired, was revoked or is nobody's.

- \`SendBatch\` is for whoever may send one of its commands; each item is for the roles of its command.
- \`EventFeed\` gives the log whole: beside the role it takes a key or token that says what it sees personal values for.
- What a role sees of personal values is another question: [personal data](../guides/personal-data.md).

${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}
`;
}
