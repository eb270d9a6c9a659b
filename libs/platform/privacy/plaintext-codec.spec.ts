import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { UnknownEventError } from '#platform/kernel/event-catalogue.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';

const opened = defineEvent({
  type: 'crm.spec.account.opened',
  version: 2,
  earlier: {
    1: {
      fields: { limit: open(z.int()), owner: personal(z.string()) },
      upcast: ({ owner, ...data }) => ({ ...data, name: owner }),
    },
  },
  fields: {
    limit: open(z.int()),
    note: personal(z.string().optional(), 'note'),
    name: personal(z.string().optional()),
    city: personal(z.string().optional()),
  },
});
const closed = defineEvent({ type: 'crm.spec.account.closed', fields: { limit: open(z.int()) } });
const codec = plaintext([opened, closed]);
const place = {
  id: '0198f3a0-1b2c-7d3e-8f40-00000000000e',
  aggregate: 'account',
  aggregateId: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
  subject: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
};
const stored = (form: object, more: Partial<StoredEvent> = {}): StoredEvent =>
  ({ ...place, type: opened.type, schemaVersion: 2, meta: { actor: 'spec' }, ...form, ...more }) as StoredEvent;

describe('the plaintext codec', () => {
  it('stores personal fields apart, one part for each retention class', () => {
    const form = codec.encode(opened({ limit: 5, note: 'slow', city: 'Yazd', name: 'Ada' }), place);
    expect(form).toEqual({
      data: '{"limit":5}',
      personalData: '{"sealed":0,"parts":{"profile":{"name":"Ada","city":"Yazd"},"note":{"note":"slow"}}}',
    });
    expect(codec.decode(stored(form)).data).toEqual({ limit: 5, note: 'slow', city: 'Yazd', name: 'Ada' });
  });

  it('stores nothing apart where there is nothing personal', () => {
    expect(codec.encode(opened({ limit: 5 }), place)).toEqual({ data: '{"limit":5}', personalData: null });
    expect(codec.encode(closed({ limit: 5 }), place)).toEqual({ data: '{"limit":5}', personalData: null });
  });

  it('takes the reason for personal, in a part of its own that is no field of the event', () => {
    const form = codec.encode(closed({ limit: 5 }), place, 'she asked for it');
    expect(form).toEqual({
      data: '{"limit":5}',
      personalData: '{"sealed":0,"parts":{"reason":{"reason":"she asked for it"}}}',
    });
    expect(codec.decode(stored(form, { type: closed.type, schemaVersion: 1 }))).toMatchObject({
      meta: { actor: 'spec', reason: 'she asked for it' },
      data: { limit: 5 },
    });
  });

  it('upcasts with the personal fields in place', () => {
    const form = { data: '{"limit":1}', personalData: '{"sealed":0,"parts":{"profile":{"owner":"Ada"}}}' };
    expect(codec.decode(stored(form, { schemaVersion: 1 })).data).toEqual({ limit: 1, name: 'Ada' });
  });

  it('says what it does not know: an event, a version, a form of personal data', () => {
    const form = { data: '{}', personalData: null };
    expect(() => codec.decode(stored(form, { type: 'crm.spec.other' }))).toThrow(UnknownEventError);
    expect(() => codec.decode(stored(form, { schemaVersion: 3 }))).toThrow(UnknownEventError);
    const sealed = { data: '{}', personalData: '{"sealed":1,"parts":{"profile":{"key":"k","iv":"i","ct":"c"}}}' };
    expect(() => codec.decode(stored(sealed))).toThrow('personal data in the form 1 are not known to this build');
    expect(() => codec.decode(stored({ data: '{}', personalData: '{"name":"Ada"}' }))).toThrow(
      'not known to this build',
    );
  });

  it('has nothing to fetch', () => {
    expect(codec.prepare([place.subject])).toBeUndefined();
    const digest = Buffer.alloc(16, 7);
    expect(codec.fingerprint(place.subject, digest)).toEqual(digest);
  });
});
