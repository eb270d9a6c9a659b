import { settingsReference } from '#platform/runtime/settings-report.js';
import { apiDocument, topicDocument } from './api-document.js';
import { rolesReference } from './roles-reference.js';

const json = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

/** The documents that are made from the code, by their place in `docs`: `npm run documents` writes them. */
export const madeDocuments = (): Readonly<Record<string, string>> => ({
  'openapi.json': json(apiDocument()),
  'asyncapi.json': json(topicDocument()),
  'reference/settings.md': settingsReference(),
  'reference/roles.md': rolesReference(),
});
