import { describe, expect, it } from '@jest/globals';
import { databasesOf, kafkaOf } from './connections.js';
import { readSettings } from './environment.js';
import { isThisMachine, unsafeConnections } from './connection-safety.js';

const unsafe = (env: Record<string, string>): string[] => unsafeConnections(readSettings(env));
const database = (url: string): string[] => unsafe({ DATABASE_URL: url });

describe('connections to other hosts', () => {
  it.each([
    'postgres://yad:yad@localhost/yad',
    'postgres://127.0.0.1:5432/yad',
    'postgres://postgres:postgres@[::1]:5432/yad',
    'postgres:///yad?host=/var/run/postgresql&user=yad&password=yad',
    'postgres://yad:Zk3.9q@%2Fvar%2Frun%2Fpostgresql/yad',
  ])('are none where nothing leaves this machine: %s', (url) => {
    expect(database(url)).toEqual([]);
  });

  it.each(['require', 'verify-ca', 'verify-full'])('may be made to a database with sslmode=%s', (mode) => {
    expect(database(`postgres://yad:Zk3.9q@db.example/yad?sslmode=${mode}`)).toEqual([]);
  });

  it.each([
    '',
    '?sslmode=disable',
    '?sslmode=prefer',
    '?sslmode=allow',
    '?sslmode=no-verify',
    '?ssl=0',
    // The later of two counts for the driver.
    '?sslmode=verify-full&sslmode=disable',
    '?sslmode=require&uselibpqcompat=true',
  ])('are refused to a database without TLS that is checked: %s', (query) => {
    const [line, ...others] = database(`postgres://yad:Zk3.9q@db.example/yad${query}`);
    expect([line, others]).toEqual([
      'DATABASE_URL leads to db.example without TLS: add sslmode=verify-full, or YAD_ALLOW_INSECURE=plaintext where that is put up with',
      [],
    ]);
  });

  it('are those that the driver goes to: a host behind the question mark takes the place of the one before it', () => {
    expect(database('postgres://yad:Zk3.9q@localhost/yad?host=db.example')).toHaveLength(1);
    expect(database('postgres://localhost/yad?host=db.example&sslmode=verify-full&user=a&password=a')).toEqual([
      expect.stringContaining('DATABASE_URL opens db.example with a default password'),
    ]);
  });

  it.each([
    'kurrentdb://localhost:2113?tls=false',
    'kurrentdb://127.0.0.1:2113,localhost:2114?tls=false',
    'kurrentdb+discover://admin:Zk3.9q@log.example:2113',
    'kurrentdb://admin:Zk3.9q@one.example:2113,two.example:2113?tls=true&nodePreference=leader',
  ])('may be made to the KurrentDB %s', (url) => {
    expect(unsafe({ EVENT_STORE: url })).toEqual([]);
  });

  it.each(['tls=false', 'tlsVerifyCert=false', 'nodePreference=leader&TLS=false', 'tls-verify-cert=false'])(
    'are refused to a KurrentDB elsewhere with %s',
    (options) => {
      expect(unsafe({ EVENT_STORE: `kurrentdb://admin:Zk3.9q@127.0.0.1:1,log.example:2113?${options}` })).toEqual([
        'EVENT_STORE leads to log.example:2113 without TLS: leave out tls=false and tlsVerifyCert=false, or YAD_ALLOW_INSECURE=plaintext where that is put up with',
      ]);
    },
  );

  it('are refused to a KurrentDB elsewhere with the password that it comes with', () => {
    expect(unsafe({ EVENT_STORE: 'kurrentdb://admin:changeit@log.example:2113' })).toEqual([
      expect.stringContaining('EVENT_STORE opens log.example:2113 with a default password'),
    ]);
  });

  it.each(['yad', 'postgres', 'Password', 'changeme', 'crm'])(
    'are refused with the default password %s',
    (password) => {
      const [line, ...others] = database(`postgres://crm:${password}@db.example/yad?sslmode=verify-full`);
      expect([line, others]).toEqual([
        'DATABASE_URL opens db.example with a default password, or YAD_ALLOW_INSECURE=default-passwords where that is put up with',
        [],
      ]);
      expect(line).not.toContain(`'${password}'`);
    },
  );

  it('to brokers need TLS and a password of their own', () => {
    const brokers = { KAFKA_BROKERS: 'localhost:9092,kafka.example:9093' };
    expect(unsafe(brokers)).toEqual([expect.stringContaining('KAFKA_BROKERS leads to kafka.example:9093 without TLS')]);
    const signed = { ...brokers, KAFKA_TLS: 'on', KAFKA_USERNAME: 'relay' };
    expect(unsafe({ ...signed, KAFKA_PASSWORD: 'relay' })).toEqual([
      expect.stringContaining('KAFKA_PASSWORD is a default password, for kafka.example:9093'),
    ]);
    expect(unsafe({ ...signed, KAFKA_PASSWORD: 'Zk3.9q' })).toEqual([]);
    expect(unsafe({ KAFKA_BROKERS: '[::1]:9092,127.0.0.1:9092' })).toEqual([]);
  });

  it('are put up with where a setting says so, each kind by itself', () => {
    const all = { DATABASE_URL: 'postgres://yad:yad@db/yad', KAFKA_BROKERS: 'kafka:1' };
    expect(unsafe(all)).toHaveLength(3);
    expect(unsafe({ ...all, YAD_ALLOW_INSECURE: 'plaintext' })).toEqual([expect.stringContaining('default password')]);
    expect(unsafe({ ...all, YAD_ALLOW_INSECURE: 'default-passwords' })).toHaveLength(2);
    expect(unsafe({ ...all, YAD_ALLOW_INSECURE: 'plaintext,default-passwords' })).toEqual([]);
    expect(() => readSettings({ YAD_ALLOW_INSECURE: 'all' })).toThrow("YAD_ALLOW_INSECURE is 'all', which names");
  });

  it('are refused before anything connects: by the databases and the brokers of a process', () => {
    expect(() => databasesOf(readSettings({ DATABASE_URL: 'postgres://a:Zk3.9q@db/yad' }))).toThrow('without TLS');
    expect(() => kafkaOf(readSettings({ KAFKA_BROKERS: 'kafka:1' }))).toThrow('without TLS');
  });

  it.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['LOCALHOST', true],
    ['[::1]', true],
    ['', true],
    ['128.0.0.1', false],
    ['127.0.0.1.example', false],
    ['localhost.example', false],
    ['0.0.0.0', false],
    ['::', false],
  ])('%s is this machine: %s', (host, own) => {
    expect(isThisMachine(host)).toBe(own);
  });
});
