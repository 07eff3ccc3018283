import { expect, it } from 'vitest';
import { completeTimes, decodeTimes, encodeTimes } from '../../../src/revision/file-times.ts';

it('encodeTimes() is undone by decodeTimes(), to the last second of 2106', () => {
  const times = Uint32Array.of(0, 1, 1_700_000_000, 4_294_967_295);
  expect(decodeTimes(encodeTimes(times))).toEqual(times);
  expect(decodeTimes(encodeTimes(new Uint32Array()))).toEqual(new Uint32Array());
});

it('[B27] completeTimes() gives what changed the time of the revision and keeps the others', () => {
  expect(completeTimes(Uint32Array.of(5, 0, 7), 9, undefined)).toEqual(Uint32Array.of(5, 9, 7));
  expect(completeTimes(Uint32Array.of(5, 0), 9, 6)).toEqual(Uint32Array.of(5, 9, 6));
});
