import { describe, expect, it } from '@jest/globals';
import { describeError } from './describe-error.js';

const failed = (properties: object, message = 'in words', name?: string) =>
  Object.assign(new Error(message), name !== undefined && { name }, properties);

describe('an error in the log', () => {
  it('says where it was thrown, and not what it says, which may be what somebody sent', () => {
    const { type, message, at } = describeError(new Error('ada@example.com\n    at ada@example.com:1:1'));
    expect({ type, message }).toEqual({ type: 'Error', message: undefined });
    expect(at!.length).toBeGreaterThan(0);
    expect(at!.every((place) => /:\d+:\d+\)?$|<anonymous>|native/.test(place))).toBe(true);
    expect(JSON.stringify(at)).not.toContain('ada@');
  });

  it.each([
    ['of the system', failed({ code: 'ECONNREFUSED', syscall: 'connect' })],
    ['of the database about itself', failed({ code: '57P01', severity: 'FATAL' })],
    ['of Kafka’s driver', failed({}, 'in words', 'KafkaJSConnectionError')],
  ])('is told in words where they are %s', (_of, error) => {
    expect(describeError(error).message).toBe('in words');
  });

  it.each([
    ['of the database about a value', failed({ code: '23505', severity: 'ERROR' })],
    ['of the engine, which quotes values', new TypeError('in words')],
    ['of a check of input', failed({ issues: [] }, 'in words', 'ZodError')],
  ])('is not, even in the background, where they are %s', (_of, error) => {
    expect(describeError(error, { ofBackground: true }).message).toBeUndefined();
  });

  it('is told in Yad’s own words where it comes from the background, and in all words on a terminal', () => {
    expect(describeError(new Error('in words'), { ofBackground: true }).message).toBe('in words');
    expect(describeError(new TypeError('in words'), { allWords: true }).message).toBe('in words');
  });

  it('has words for the log where Yad’s own quote an event', () => {
    const full = failed({ plain: 'stops: full' }, 'stops: full (ada@example.com)');
    expect(describeError(full, { ofBackground: true }).message).toBe('stops: full');
  });

  it('names code, table and constraint of the database, but not the detail, and what caused it', () => {
    const cause = failed({ code: '23505', severity: 'ERROR', table: 't', constraint: 'c', detail: 'Key (ada)' });
    expect(describeError(new Error('outer', { cause }))).toMatchObject({
      type: 'Error',
      cause: { type: 'Error', code: '23505', table: 't', constraint: 'c' },
    });
    expect(JSON.stringify(describeError(new Error('outer', { cause })))).not.toContain('ada');
  });

  it('of what is no error tells its type alone, and one that causes itself comes to an end', () => {
    expect(describeError('ada@example.com')).toEqual({ type: 'string' });
    const own = new Error('x');
    own.cause = own;
    expect(describeError(own).cause!.cause!.cause!.cause).toBeUndefined();
  });
});
