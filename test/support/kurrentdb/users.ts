import type { Metadata } from '@grpc/grpc-js';

/** Whether a call names one of the users and their password, where there are any. */
export function isAdmitted(users: Readonly<Record<string, string>> | undefined, metadata: Metadata): boolean {
  if (!users) return true;
  const [scheme, given] = String(metadata.get('authorization')[0] ?? '').split(' ');
  if (scheme !== 'Basic') return false;
  const [name, ...password] = Buffer.from(given ?? '', 'base64')
    .toString()
    .split(':');
  return name !== undefined && Object.hasOwn(users, name) && users[name] === password.join(':');
}
