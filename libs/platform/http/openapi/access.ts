import type { Role } from '#platform/kernel/command.js';
import type { JsonSchema } from '#platform/schemas/components.js';

/** What signs in, by its name in the document. */
export const securitySchemes: JsonSchema = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key, which `yad keys create` makes, or a token (JWT) of the issuer that the service trusts. Where neither was ever set up, requests from the machine itself need none.',
  },
};

/** An operation for whoever signs in and has one of some roles: `x-roles` lists them, in order. */
export const forRoles = (roles: readonly Role[], operation: JsonSchema): JsonSchema => ({
  ...operation,
  security: [{ bearer: [] }],
  'x-roles': [...roles],
});

/** An operation for whoever asks. */
export const forAnybody = (operation: JsonSchema): JsonSchema => ({ ...operation, security: [] });

/** What is served beside the operations of the document, to whoever asks: none of it says anything of a customer. */
export const OPEN_ADDRESSES: readonly { readonly path: string; readonly what: string }[] = [
  { path: '/openapi.json', what: 'The OpenAPI document' },
  { path: '/openapi.yaml', what: 'The OpenAPI document as YAML' },
  { path: '/asyncapi.json', what: 'The AsyncAPI document of the topic' },
  { path: '/docs', what: 'The page of documents, and what belongs to it' },
  { path: '/metrics', what: 'Counts and durations, for Prometheus' },
];
