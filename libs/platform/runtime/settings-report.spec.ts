import { describe, expect, it } from '@jest/globals';
import { AREAS, settings } from './settings.js';
import { reportSettings, settingsReference } from './settings-report.js';

describe('the report of settings', () => {
  it('tells of every setting once, by area, with its meaning', () => {
    const { settings: reported, problems } = reportSettings({});
    expect(problems).toEqual([]);
    expect(reported.map(({ name }) => name).toSorted()).toEqual(Object.keys(settings).toSorted());
    const areas = reported.map(({ area }) => AREAS.indexOf(area));
    expect(areas).toEqual(areas.toSorted((a, b) => a - b));
    for (const { name, meaning, isSet } of reported) {
      expect([name, isSet, meaning.length > 10]).toEqual([name, false, true]);
    }
  });

  it('says what is set and what counts else', () => {
    const { settings: reported } = reportSettings({ PORT: '8080', HOST: '', YAD_TOPIC: 't' });
    const of = (wanted: string) => reported.find(({ name }) => name === wanted);
    expect(of('PORT')).toMatchObject({ isSet: true, value: '8080' });
    expect(of('HOST')).toMatchObject({ isSet: false, otherwise: '127.0.0.1' });
    expect(of('YAD_TOPIC')).toMatchObject({ isSet: true, value: 't', otherwise: 'yad.events' });
  });

  it('tells no secret, also where the setting is wrong', () => {
    const secret = 'Zk3.9q-secret';
    const secrets = Object.entries(settings).filter(([, setting]) => 'secret' in setting && setting.secret);
    expect(secrets.length).toBeGreaterThan(3);
    for (const [name] of secrets) {
      for (const value of [
        secret,
        `postgres://yad:${secret}@localhost/yad`,
        `postgres://localhost/yad?password=${secret}`,
        `mysql://${secret}`,
        `postgres://yad:${secret}@db.example/yad`,
      ]) {
        expect(JSON.stringify(reportSettings({ [name]: value }))).not.toContain(secret);
      }
    }
    const { settings: reported } = reportSettings({ STORE_URL: `postgres://yad:${secret}@localhost/yad` });
    expect(reported.find(({ name }) => name === 'STORE_URL')!.value).toBe('postgres://yad:***@localhost/yad');
  });

  it('gathers all that is wrong: values, connections, names that nothing reads', () => {
    const { problems } = reportSettings({ YAD_PARTITON: '3', PORT: 'x' });
    expect(problems).toEqual([
      "PORT is 'x', which is not a whole number from 0 to 65535",
      'YAD_PARTITON is set, and no setting has this name',
    ]);
    expect(reportSettings({ KAFKA_BROKERS: 'kafka:1', KAFKA_USERNAME: 'relay' }).problems).toEqual([
      expect.stringContaining('KAFKA_BROKERS leads to kafka:1 without TLS'),
      expect.stringContaining('KAFKA_PASSWORD is not set'),
    ]);
  });

  it('is the reference, too: a row for each setting', () => {
    const reference = settingsReference();
    for (const name of Object.keys(settings)) expect(reference.split(`| \`${name}\` |`)).toHaveLength(2);
    expect(reference).toContain('| `YAD_TOPIC` | `yad.events` | The topic of the events. |');
  });
});
