import { describe, expect, it } from '@jest/globals';
import { databasesOf, kafkaOf } from './connections.js';
import { readSettings, WrongSettings } from './environment.js';
import { settings } from './settings.js';

describe('settings', () => {
  it('are what holds without them where nothing is set, or what is set is empty', () => {
    const usual = {
      YAD_TOPIC: 'yad.events',
      YAD_PARTITIONS: 6,
      HOST: '127.0.0.1',
      ALLOWED_HOSTS: [],
      DRAIN_MS: 5_000,
      YAD_DATA: '.data',
    };
    expect(readSettings({})).toMatchObject(usual);
    // An empty HOST would be all addresses there are.
    expect(readSettings(Object.fromEntries(Object.keys(settings).map((name) => [name, ''])))).toMatchObject(usual);
    expect(kafkaOf(readSettings({}))).toBeUndefined();
  });

  it('are read and parsed', () => {
    const env = {
      KAFKA_BROKERS: 'localhost:1, [::1]:2',
      YAD_TOPIC: 't',
      YAD_PARTITIONS: '12',
      YAD_TOPIC_REPLICATION: '3',
      YAD_TOPIC_RETENTION_DAYS: '0',
      PORT: '8080',
      HOST: '0.0.0.0',
      ALLOWED_HOSTS: 'crm.example,, other',
    };
    const read = readSettings(env);
    expect(kafkaOf(read)).toEqual({
      brokers: ['localhost:1', '[::1]:2'],
      signIn: undefined,
      topic: 't',
      settings: { replication: 3, minInsyncReplicas: undefined, retentionDays: 0, maxMessageBytes: 8_388_608 },
    });
    expect(read).toMatchObject({ YAD_PARTITIONS: 12, PORT: 8080, ALLOWED_HOSTS: ['crm.example', 'other'] });
  });

  it('sign in to the brokers with a name and its password, or not at all', () => {
    const signIn = (env: Record<string, string>) =>
      kafkaOf(readSettings({ KAFKA_BROKERS: 'localhost:1', ...env }))?.signIn;
    expect(signIn({ KAFKA_TLS: 'off' })).toBeUndefined();
    expect(signIn({ KAFKA_TLS: 'on' })).toEqual({ ssl: true });
    const known = { KAFKA_USERNAME: 'relay', KAFKA_PASSWORD: 'secret' };
    const sasl = { mechanism: 'scram-sha-512', username: 'relay', password: 'secret' };
    expect(signIn({ KAFKA_TLS: 'on', ...known })).toEqual({ ssl: true, sasl });
    expect(signIn({ ...known, KAFKA_SASL_MECHANISM: 'plain' })).toEqual({
      ssl: false,
      sasl: { ...sasl, mechanism: 'plain' },
    });
    expect(() => signIn({ KAFKA_USERNAME: 'relay' })).toThrow('KAFKA_PASSWORD is not set');
    expect(() => signIn({ KAFKA_PASSWORD: 'secret' })).toThrow('KAFKA_USERNAME is not set');
  });

  it.each([
    ['KAFKA_SASL_MECHANISM', 'gssapi', "KAFKA_SASL_MECHANISM is 'gssapi', which is not plain, scram-sha-256 or"],
    ['KAFKA_TLS', 'yes', "KAFKA_TLS is 'yes', which is neither on nor off"],
    ['KAFKA_BROKERS', ' , ', "KAFKA_BROKERS is ' , ', which names no broker"],
    ['YAD_PARTITIONS', '1.5', "YAD_PARTITIONS is '1.5', which is not a whole number from 1 to 1000"],
    ['YAD_PARTITIONS', '0', 'YAD_PARTITIONS'],
    ['YAD_TOPIC_MAX_MESSAGE_BYTES', '1048576', 'which is not a whole number from 7340032 to'],
    ['PORT', 'http', "PORT is 'http', which is not a whole number from 0 to 65535"],
    ['PORT', '65536', 'PORT'],
    ['DRAIN_MS', '-1', 'DRAIN_MS'],
    ['YAD_URL', 'crm', 'YAD_URL'],
    ['YAD_JWT_ACTOR_PREFIX', 'policy:', "YAD_JWT_ACTOR_PREFIX is 'policy:', which is how policies are named"],
    [
      'CORS_ORIGINS',
      'https://a.example/',
      "CORS_ORIGINS is 'https://a.example/', which names something else than origins",
    ],
    ['CORS_ORIGINS', '*', 'CORS_ORIGINS'],
    ['CORS_ORIGINS', 'file://x', 'CORS_ORIGINS'],
  ])('that are wrong are named: %s=%s', (name, text, message) => {
    expect(() => readSettings({ [name]: text })).toThrow(message);
  });

  it('are told of all at once, and never with a password', () => {
    const wrong = { DATABASE_URL: 'mysql://me:secret@host/db', PORT: 'x' };
    let told: WrongSettings | undefined;
    try {
      readSettings(wrong);
    } catch (error) {
      told = error as WrongSettings;
    }
    expect(told!.lines).toEqual([
      'DATABASE_URL is not of the form postgres://user@host:5432/database',
      "PORT is 'x', which is not a whole number from 0 to 65535",
    ]);
  });

  it('that are needed are asked for by name and purpose', () => {
    expect(() => readSettings({}, ['KAFKA_BROKERS'])).toThrow(/^KAFKA_BROKERS is not set: Brokers, /);
  });
});

describe('databases', () => {
  const [one, two] = ['postgres://localhost/one', 'postgres://localhost/two'];

  it('are that of DATABASE_URL, but for those that have one of their own', () => {
    expect(databasesOf(readSettings({ DATABASE_URL: one, READ_MODELS_URL: two }))).toEqual({
      store: one,
      readModels: two,
      keys: one,
    });
    const [EVENT_STORE] = ['kurrentdb://log.example:2113'];
    expect(databasesOf(readSettings({ EVENT_STORE }), one)).toMatchObject({ store: one, eventStore: EVENT_STORE });
    expect(() => readSettings({ EVENT_STORE: 'esdb://log.example' })).toThrow(
      'EVENT_STORE is not of the form kurrentdb://user:password@host:2113?tls=true',
    );
    expect(databasesOf(readSettings({}), one)).toEqual({ store: one, readModels: one, keys: one });
  });

  it('that nothing names are told of', () => {
    expect(() => databasesOf(readSettings({ STORE_URL: one }))).toThrow(
      'DATABASE_URL is not set, nor is READ_MODELS_URL, KEYS_URL',
    );
  });
});
