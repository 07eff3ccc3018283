import { describe, expect, it } from 'vitest';
import { editDistance, nearestWord } from '../../../src/core/nearest-word.ts';

describe('nearestWord()', () => {
  it.each([
    ['stagging', 'staging'],
    ['STATE', 'state'],
    ['keep_revisions', 'keepRevisions'],
    ['keep-revision', 'keepRevisions'],
    ['host', 'hosts'],
    ['fanout', undefined],
    ['x', undefined],
    ['', undefined],
  ])('takes %j for %j', (word, expected) => {
    expect(nearestWord(word, ['staging', 'state', 'keepRevisions', 'hosts'])).toBe(expected);
  });

  it('takes the first of equally near words', () => {
    expect(nearestWord('mw3', ['mw1', 'mw2'])).toBe('mw1');
  });
});

describe('editDistance()', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['flaw', 'lawn', 2],
    ['same', 'same', 0],
  ])('between %j and %j is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance);
  });
});
