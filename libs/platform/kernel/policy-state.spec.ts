import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { RecordedEvent } from './envelope.js';
import { defineEvent, open, personal } from './event-contract.js';
import { policy } from './policy.js';
import { evolved, fold, stateText, StateTooLarge, type Fold } from './policy-state.js';

const said = defineEvent({
  type: 'test.said',
  fields: { to: open(z.string()), words: personal(z.string().optional(), 'communication') },
});
const event = {
  type: 'test.said',
  aggregateId: 'a',
  data: { to: 'Mina', words: 'a secret' },
  meta: { actor: 'somebody', reason: 'a secret' },
} as unknown as RecordedEvent;
const defined = <State>(initial: State, on: readonly Fold<State>[], mostBytes?: number) =>
  policy({
    name: 'keeps',
    version: 1,
    about: 'Keeps something',
    on: said,
    state: { initial, on, mostBytes },
    send: () => undefined,
  });

describe('the state of a policy', () => {
  it('sees the open fields of events, and nothing that is personal', () => {
    const seen = fold(said, (_state: string, { data, ...place }) => {
      // @ts-expect-error a personal field is none that a fold may see
      expect(data.words).toBeUndefined();
      return JSON.stringify([data, place]);
    });
    const text = evolved({ initial: '', on: [seen] }, '', event);
    expect(text).toContain('Mina');
    expect(text).not.toContain('secret');
  });
  it('is handled like what the policy acts on: an event of a newer version stops it', () => {
    expect(defined(0, [fold(said, (times: number) => times + 1)]).versions.get('test.said')).toBe(1);
  });
  it('is left alone by an event that it has no fold of', () => {
    expect(evolved({ initial: 5, on: [] }, 5, event)).toBe(5);
  });
  it('is plain JSON of a bounded size', () => {
    const state = { initial: '', on: [], mostBytes: 10 };
    expect(stateText('keeps', state, 'eight ch')).toBe('"eight ch"');
    expect(() => stateText('keeps', state, 'یادداشت')).toThrow(StateTooLarge);
    for (const value of [new Date(), new Map(), { gone: undefined }, undefined]) {
      expect(() => stateText('keeps', { initial: '', on: [] }, value as never)).toThrow(
        /keeps: its state is not plain/,
      );
    }
  });
  it('cannot be changed where it begins', () => {
    const { state } = defined({ names: ['first'] }, [fold(said, (before: { names: string[] }) => before)]);
    expect(() => state!.initial.names.push('second')).toThrow(TypeError);
  });
  it('is refused where its definition makes no sense', () => {
    const one = fold(said, (times: number) => times + 1);
    expect(() => defined(0, [])).toThrow('keeps folds no event into its state');
    expect(() => defined(0, [one, one])).toThrow('keeps has two folds of test.said');
    expect(() => defined(0, [one], 100_000)).toThrow('keeps: a state has at most 65536 bytes');
  });
});
