import { WrongSettings, type Environment } from './environment.js';

/** Passwords that come with images, guides and examples, in lower case: whoever tries any, tries these. */
const DEFAULT_PASSWORDS = new Set(
  'changeit,yad,postgres,password,passwort,secret,changeme,change-me,admin,root,kafka,test,example,12345678,123456'.split(
    ',',
  ),
);

/** Ways to speak to PostgreSQL encrypted and with a certificate that is checked. */
const SAFE_SSL_MODES = ['require', 'verify-ca', 'verify-full'];

/**
 * Refuses what would go to other hosts unprotected: personal data in plaintext, and servers that a guessed password
 * opens. What never leaves this machine is not looked at; `YAD_ALLOW_INSECURE` says what is put up with.
 * @throws WrongSettings naming each variable
 */
export function assertSafe(environment: Environment): void {
  const lines = unsafeConnections(environment);
  if (lines.length > 0) throw new WrongSettings(lines);
}

/** What `assertSafe` refuses, a line for each variable and reason. */
export function unsafeConnections(environment: Environment): string[] {
  const { YAD_ALLOW_INSECURE: allowed, KAFKA_BROKERS: brokers = [] } = environment;
  const found: { readonly kind: 'plaintext' | 'default-passwords'; readonly line: string }[] = [];
  for (const name of ['DATABASE_URL', 'STORE_URL', 'READ_MODELS_URL', 'KEYS_URL'] as const) {
    const url = environment[name];
    if (url === undefined) continue;
    const { host, encrypted, user, password } = databaseOf(url);
    if (isThisMachine(host)) continue;
    if (!encrypted) {
      const line = `${name} leads to ${host} without TLS: add sslmode=verify-full`;
      found.push({ kind: 'plaintext', line });
    }
    if (isDefault(password, user)) {
      found.push({ kind: 'default-passwords', line: `${name} opens ${host} with a default password` });
    }
  }
  const { EVENT_STORE: eventStore } = environment;
  if (eventStore !== undefined) {
    const { hosts, encrypted, user, password } = kurrentOf(eventStore);
    const elsewhere = hosts.filter((host) => !isThisMachine(hostOfBroker(host)));
    if (elsewhere.length > 0 && !encrypted) {
      const line = `EVENT_STORE leads to ${elsewhere.join(', ')} without TLS: leave out tls=false and tlsVerifyCert=false`;
      found.push({ kind: 'plaintext', line });
    }
    if (elsewhere.length > 0 && isDefault(password, user)) {
      const line = `EVENT_STORE opens ${elsewhere.join(', ')} with a default password`;
      found.push({ kind: 'default-passwords', line });
    }
  }
  const away = brokers.filter((broker) => !isThisMachine(hostOfBroker(broker)));
  if (away.length > 0) {
    if (environment.KAFKA_TLS !== 'on') {
      const line = `KAFKA_BROKERS leads to ${away.join(', ')} without TLS: set KAFKA_TLS=on`;
      found.push({ kind: 'plaintext', line });
    }
    if (isDefault(environment.KAFKA_PASSWORD, environment.KAFKA_USERNAME)) {
      found.push({ kind: 'default-passwords', line: `KAFKA_PASSWORD is a default password, for ${away.join(', ')}` });
    }
  }
  return found
    .filter(({ kind }) => !allowed.includes(kind))
    .map(({ kind, line }) => `${line}, or YAD_ALLOW_INSECURE=${kind} where that is put up with`);
}

/** True for an address on which nothing leaves this machine: loopback, or a socket of the file system. */
export function isThisMachine(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return (
    bare === '' || bare.startsWith('/') || bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
  );
}

/** As the driver reads an address: what stands behind the question mark takes the place of what stands before it. */
function databaseOf(address: string): { host: string; encrypted: boolean; user: string; password: string } {
  const url = new URL(address);
  const given = (name: string): string | undefined => url.searchParams.getAll(name).at(-1);
  const mode = given('sslmode') ?? '';
  // In the manner of libpq, `require` encrypts and asks nobody for a certificate.
  const checks = given('uselibpqcompat') !== 'true' || mode === 'verify-full';
  return {
    host: given('host') ?? decodeURIComponent(url.hostname),
    encrypted: SAFE_SSL_MODES.includes(mode) && checks,
    user: given('user') ?? decodeURIComponent(url.username),
    password: given('password') ?? decodeURIComponent(url.password),
  };
}

/** As the driver reads it: hosts between commas, and TLS unless it is told otherwise. */
function kurrentOf(address: string): { hosts: string[]; encrypted: boolean; user: string; password: string } {
  const [, user = '', password = '', hosts = '', options = ''] =
    /^[^:]+:\/\/(?:([^:@]+):([^@]+)@)?([^/?]*)\/?(?:\?(.*))?$/.exec(address) ?? [];
  // Names in any writing, with or without dashes.
  const given = new Map(
    options.split('&').map((each) => {
      const [name = '', value = ''] = each.split('=');
      return [name.toLowerCase().replace(/[_-]/g, ''), value.trim().toLowerCase()];
    }),
  );
  const encrypted = given.get('tls') !== 'false' && given.get('tlsverifycert') !== 'false';
  return { hosts: hosts.split(','), encrypted, user: decodeURIComponent(user), password: decodeURIComponent(password) };
}

const hostOfBroker = (broker: string): string => broker.replace(/:\d+$/, '');

const isDefault = (password = '', user = ''): boolean =>
  password !== '' && (password === user || DEFAULT_PASSWORDS.has(password.toLowerCase()));
