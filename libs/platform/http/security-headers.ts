import type { FastifyReply, FastifyRequest } from 'fastify';

/** The page of the API documents: its own scripts and styles, requests to its own origin, in nobody's frame. */
const DOCUMENT_PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // The page styles itself by elements and attributes that it makes.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** What every answer says, those that node's parser refused included. */
export const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  // No browser takes an answer for something else than it says to be.
  ['x-content-type-options', 'nosniff'],
  // Answers are about customers: no cache keeps them. Who sends If-None-Match has kept its own copy.
  ['cache-control', 'no-store'],
];

/** Marks an answer as what only its asker may keep, and the page of the documents as what loads nothing from elsewhere. */
export function markSecure({ raw: { url = '/' } }: FastifyRequest, reply: FastifyReply): void {
  for (const [name, value] of SECURITY_HEADERS) reply.header(name, value);
  if (!url.startsWith('/docs')) return;
  reply.header('content-security-policy', DOCUMENT_PAGE_POLICY).header('referrer-policy', 'no-referrer');
}
