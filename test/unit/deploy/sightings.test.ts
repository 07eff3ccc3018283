import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ScapError } from '../../../src/core/errors.ts';
import type { FleetMember } from '../../../src/deploy/fleet.ts';
import { noteOutcomes, noteSightings, readLastSeen, readSightings } from '../../../src/deploy/sightings.ts';
import { createStateLayout, type StateLayout } from '../../../src/deploy/state-layout.ts';
import type { TargetReport } from '../../../src/deploy/target-client.ts';
import { aHost, hostName, sha } from '../../support/deploy-facts.ts';
import { temporaryDirectory } from '../../support/operator.ts';

let layout: StateLayout;
beforeEach(() => {
  layout = createStateLayout(temporaryDirectory('scap-unit-'));
  mkdirSync(layout.state, { recursive: true });
});

const said = (name: string, live: TargetReport['live']): FleetMember => ({
  host: aHost(name),
  report: { live } as TargetReport,
  error: undefined,
});
const serves = (name: string, digit: string) => said(name, { kind: 'revision', sha: sha(digit) });
const away = (name: string): FleetMember => ({
  host: aHost(name),
  report: undefined,
  error: new ScapError('target_unreachable', 'away'),
});
const inventory = new Set(['one', 'two', 'three']);
const seen = () => [...new Set(readSightings(layout).map((full) => full[0]))].sort().join('');

/** Valid JSON of another shape. */
const noSightings: [string][] = [
  ['null'],
  ['7'],
  ['"text"'],
  ['[null]'],
  ['{"two":null}'],
  ['{"two":"text"}'],
  ['{"two":[7]}'],
];

describe('readSightings()', () => {
  it('forgets hosts that left the inventory a month ago, and no other that is away', () => {
    const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
    const entry = (days: number, digit: string) => ({ seenAt: ago(days), live: sha(digit), meant: sha(digit) });
    const hosts = { two: entry(99, 'b'), gone: entry(31, 'c'), lately: entry(29, 'd'), odd: { seenAt: 'never' } };
    writeFileSync(join(layout.state, 'hosts.json'), JSON.stringify(hosts));
    noteSightings(layout, [serves('one', 'a')], sha('a'), inventory);
    expect(Object.keys(JSON.parse(readFileSync(join(layout.state, 'hosts.json'), 'utf8')))).toEqual([
      'two',
      'lately',
      'one',
    ]);
  });

  it('[B25] are what hosts were seen to serve, and what they were meant to serve since', () => {
    noteSightings(
      layout,
      [serves('one', 'a'), serves('two', 'b'), said('three', { kind: 'absent' })],
      sha('c'),
      inventory,
    );
    expect(seen()).toBe('abc');
  });

  it('[B25] of a host that is away are kept from when it was there, both of them', () => {
    noteSightings(layout, [serves('one', 'a'), serves('two', 'a')], sha('b'), inventory);
    noteSightings(layout, [serves('one', 'b'), away('two')], sha('c'), inventory);
    // "two" may have been promoted to b and come back with that, or with a.
    expect(seen()).toBe('abc');
    noteSightings(layout, [serves('one', 'c'), serves('two', 'b')], sha('d'), inventory);
    expect(seen()).toBe('bcd');
  });

  it('are none of a host that serves something foreign and was never meant to serve ours', () => {
    noteSightings(layout, [away('one')], sha('b'), inventory);
    expect(seen()).toBe('');
    noteSightings(layout, [said('one', { kind: 'directory', detail: '/x' })], sha('b'), inventory);
    expect(seen()).toBe('b');
  });

  it.each([
    ['nonsense'],
    ['{"one":{}}'],
    ['{"one":{"seenAt":"","live":"HEAD","meant":7}}'],
    ['{}'],
    [''],
    ...noSightings,
  ])('are none when the file says %j, and it is written anew', (text) => {
    writeFileSync(join(layout.state, 'hosts.json'), text);
    expect(readSightings(layout)).toEqual([]);
    noteSightings(layout, [serves('one', 'a')], sha('b'), inventory);
    expect(seen()).toBe('ab');
    noteOutcomes(layout, new Map([[hostName('one'), sha('a')]]));
    expect(JSON.parse(readFileSync(join(layout.state, 'hosts.json'), 'utf8')).one).toMatchObject({
      live: sha('a'),
      meant: sha('b'),
    });
  });

  it('of a file an older version wrote are what was served', () => {
    const older = { one: { seenAt: '2026-01-01T00:00:00.000Z', live: sha('a') } };
    writeFileSync(join(layout.state, 'hosts.json'), JSON.stringify(older));
    expect(seen()).toBe('a');
  });
});

describe('readLastSeen()', () => {
  it('[B28] is what a host served when it was last asked, or was left with by a run', () => {
    noteSightings(
      layout,
      [serves('one', 'a'), serves('two', 'a'), said('three', { kind: 'absent' })],
      sha('b'),
      inventory,
    );
    noteOutcomes(layout, new Map([[hostName('one'), sha('b')]]));
    const live = [...readLastSeen(layout)].map(([host, seen]) => [host, seen.live]);
    expect(live).toEqual([
      ['one', sha('b')],
      ['two', sha('a')],
      ['three', null],
    ]);
    expect(Date.parse(readLastSeen(layout).get('one')?.at ?? '')).toBeGreaterThan(0);
  });

  it('[B34] of a host that is away stays what it was', () => {
    noteSightings(layout, [serves('one', 'a')], sha('b'), inventory);
    const before = readLastSeen(layout);
    noteSightings(layout, [away('one')], sha('c'), inventory);
    expect(readLastSeen(layout)).toEqual(before);
  });

  it('[B25] noteOutcomes() keeps what the host was meant to serve', () => {
    noteSightings(layout, [serves('one', 'a')], sha('c'), inventory);
    noteOutcomes(layout, new Map([[hostName('one'), sha('a')]]));
    expect(seen()).toBe('ac');
  });

  it.each([
    ['nonsense'],
    ['{"one":{}}'],
    ['{"one":{"seenAt":"never","live":null}}'],
    ['{"one":{"seenAt":"2026-01-01","live":"HEAD"}}'],
    ...noSightings,
  ])('is nothing when the file says %j', (text) => {
    writeFileSync(join(layout.state, 'hosts.json'), text);
    expect(readLastSeen(layout)).toEqual(new Map());
  });
});
