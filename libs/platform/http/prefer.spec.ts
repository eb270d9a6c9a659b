import { expect, it } from '@jest/globals';
import { waitMsOf } from './prefer.js';

it('reads how long a sender would wait, and passes over what it does not understand', () => {
  const read = [
    undefined,
    'wait=10',
    'respond-async, wait=5',
    'Wait = "7"',
    'wait=0',
    'wait=600',
    'wait=-1',
    'wait',
    '',
  ];
  expect(read.map((prefer) => waitMsOf({ prefer }))).toEqual([
    undefined,
    10_000,
    5_000,
    7_000,
    0,
    60_000,
    undefined,
    undefined,
    undefined,
  ]);
});
