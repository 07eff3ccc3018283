import { describe, expect, it } from 'vitest';
import type { ScapEvent } from '../../../src/events/event.ts';
import { describeEvent } from '../../../src/report/describe-event.ts';
import {
  after,
  before,
  counts,
  denied,
  event,
  host,
  hostFinished,
  hosts,
  runFinished,
  runStarted,
  task,
} from './sample-events.ts';

const web1 = host('web1');
const bug = { code: 'bug', message: 'x is not\na function', stack: 'at x' } as const;

const told: readonly (readonly [ScapEvent, string, string])[] = [
  [
    event('staging.scanned', { files: 70012, readBytes: 12_300_000, done: true }),
    'info',
    'Scanned the staging tree: 70,012 files, 12.3 MB read',
  ],
  [
    event('staging.left-out', { excluded: 12, samples: ['a.swp', 'b~'], gitDirectories: 4, reserved: true }),
    'info',
    'Left out of the revision: 12 excluded paths ("a.swp", "b~" and 10 more); .git of 4 nested checkouts; the reserved name ".scap" at the root',
  ],
  [
    event('staging.left-out', { excluded: 0, samples: [], gitDirectories: 1, reserved: false }),
    'info',
    'Left out of the revision: .git of 1 nested checkout',
  ],
  [
    event('staging.ignored', { count: 3, samples: ['a', 'b'] }),
    'warn',
    'Not in this revision: 3 other staged differences: "a", "b" and 1 more',
  ],
  [
    event('revision.created', {
      revision: after,
      base: before,
      files: 70012,
      bytes: 840_000_000,
      difference: { added: 3, changed: 0, removed: 1, bytes: 445 },
      durationMs: 1234,
    }),
    'info',
    'Created revision aaaaaaaaaaaa, on 111111111111, in 1.2 s: 3 added, 1 removed, 445 B (70,012 files, 840 MB in all)',
  ],
  [
    event('revision.created', {
      revision: after,
      base: null,
      files: 1,
      bytes: 5,
      difference: { added: 1, changed: 0, removed: 0, bytes: 5 },
      durationMs: 40,
    }),
    'info',
    'Created revision aaaaaaaaaaaa, the first one, in 40 ms: 1 added, 5 B (1 file, 5 B in all)',
  ],
  [
    event('revision.reused', { revision: after, files: 20, bytes: 3000, durationMs: 70 }),
    'info',
    'Nothing new to capture: the staging tree equals revision aaaaaaaaaaaa (20 files, 3.00 kB; compared in 70 ms)',
  ],
  [
    event('lock.awaited', { user: 'bob', pid: 77, since: '2025-01-02T03:04:05Z', reason: 'push' }),
    'warn',
    'Waiting for the lock: held by bob (pid 77) since 2025-01-02T03:04:05Z, reason "push"',
  ],
  [
    event('host.connected', { host: web1, live: before, durationMs: 12 }),
    'info',
    'web1: connected in 12 ms, serves revision 111111111111',
  ],
  [
    event('host.connected', { host: web1, live: null, durationMs: 12 }),
    'info',
    'web1: connected in 12 ms, serves nothing',
  ],
  [
    event('host.unreachable', {
      host: web1,
      error: { code: 'target_unreachable', message: 'Cannot connect: refused' },
    }),
    'error',
    'web1: unreachable: Cannot connect: refused',
  ],
  // It answered: the counts of the run call it failed, too.
  [
    event('host.unreachable', { host: web1, error: { code: 'node_missing', message: 'Cannot use web1: no node' } }),
    'error',
    'web1: failed: Cannot use web1: no node',
  ],
  [
    event('host.spoke', { host: web1, text: '\u001b[1mWelcome\u001b[0m\nto web1\u0007' }),
    'info',
    'web1: says "Welcome to web1\\x07"',
  ],
  [
    event('host.noted', { host: web1, code: 'drift_repaired', message: 'Repaired 2 files' }),
    'warn',
    'web1: Repaired 2 files',
  ],
  [
    event('bundle.built', { revision: after, base: before, bytes: 445, durationMs: 9 }),
    'info',
    'Packed revision aaaaaaaaaaaa for hosts that have 111111111111: 445 B in 9 ms',
  ],
  [
    event('bundle.built', { revision: after, base: null, bytes: 445, durationMs: 9 }),
    'info',
    'Packed revision aaaaaaaaaaaa: 445 B in 9 ms',
  ],
  [
    event('bundle.distributed', {
      sha256: 'b'.repeat(64),
      origin: null,
      bytes: 150e6,
      hosts: 15,
      failed: 0,
      sentBytes: 150e6,
      tiers: Array.from({ length: 15 }, () => ({ hosts: 1, bytes: 150e6 })),
      losses: 0,
      durationMs: 14_200,
    }),
    'info',
    'Brought 150 MB to 15 hosts in 14.2 s, 15 tiers deep: the deploy host sent 150 MB',
  ],
  [
    event('bundle.distributed', {
      sha256: 'b'.repeat(64),
      origin: null,
      bytes: 20e6,
      hosts: 1,
      failed: 1,
      sentBytes: 30e6,
      tiers: [{ hosts: 1, bytes: 20e6 }],
      losses: 2,
      durationMs: 900,
    }),
    'warn',
    'Brought 20.0 MB to 1 host in 900 ms: the deploy host sent 30.0 MB; 2 times a copy had to be begun again; 1 host did not get it',
  ],
  [
    event('bundle.distributed', {
      sha256: 'b'.repeat(64),
      origin: web1,
      bytes: 20e6,
      hosts: 2,
      failed: 0,
      sentBytes: 0,
      tiers: [{ hosts: 2, bytes: 40e6 }],
      losses: 0,
      durationMs: 900,
    }),
    'info',
    'Brought 20.0 MB to 2 hosts in 900 ms: from web1, which had it',
  ],
  [
    event('neighbour.failed', {
      host: web1,
      error: { code: 'disk_full', message: 'Cannot write: full' },
    }),
    'warn',
    'web1: cannot give its revision to hosts near it: Cannot write: full',
  ],
  [
    runStarted(hosts(3)),
    'info',
    'Run 12: push of revision aaaaaaaaaaaa to 3 hosts, before it 111111111111, by alice: "Fix T1"',
  ],
  [
    runStarted(hosts(1), { previous: null, message: '' }),
    'info',
    'Run 12: push of revision aaaaaaaaaaaa to 1 host, by alice',
  ],
  [event('stage.started', { stage: 'fetch', tasks: 3 }), 'info', 'fetch: started, 3 tasks'],
  [event('stage.started', { stage: 'fetch', tasks: 0 }), 'info', 'fetch: nothing to do'],
  [
    event('stage.finished', { stage: 'fetch', ok: 3, failed: 0, durationMs: 61_000 }),
    'info',
    'fetch: 3 ok in 1 m 01 s',
  ],
  [
    event('stage.finished', { stage: 'fetch', ok: 2, failed: 1, durationMs: 900 }),
    'error',
    'fetch: 2 ok, 1 failed in 900 ms',
  ],
  [task('task.started', 'fetch', web1), 'info', 'web1: fetch started'],
  [task('task.finished', 'fetch', web1), 'info', 'web1: fetch ok in 1.2 s (link)'],
  [task('task.finished', 'record', null, { result: '' }), 'info', 'deploy host: record ok in 1.2 s'],
  [
    task('task.failed', 'fetch', web1, { error: denied }),
    'error',
    'web1: fetch failed after 1.2 s: Cannot mkdir "/srv/cache/work": permission denied',
  ],
  [task('task.skipped', 'fetch', web1), 'info', 'web1: fetch skipped: done by the interrupted run'],
  [
    event('soak.started', { stage: 'promote:canary', durationMs: 20_000 }),
    'info',
    'promote:canary: soaking for 20.0 s before more hosts are promoted',
  ],
  [
    event('rollback.started', { hosts: hosts(2), reason: 'check "homepage" failed' }),
    'warn',
    'Rolling back 2 hosts (mw1001, mw1002): check "homepage" failed',
  ],
  [event('rollback.finished', { restored: hosts(2), failed: [] }), 'info', 'Rolled back 2 hosts (mw1001, mw1002)'],
  [
    event('rollback.finished', { restored: hosts(2), failed: [web1] }),
    'error',
    'Rolled back only 2 of 3 hosts; NOT rolled back: web1',
  ],
  [
    event('interrupt.received', { signal: 'SIGINT' }),
    'warn',
    'Interrupted by SIGINT: nothing new starts, running work reaches a safe point; interrupt again to exit at once',
  ],
  [hostFinished(web1, 'promoted'), 'info', 'web1: promoted, serves revision aaaaaaaaaaaa'],
  [hostFinished(web1, 'unchanged'), 'info', 'web1: unchanged, serves revision aaaaaaaaaaaa'],
  [hostFinished(web1, 'rolled-back'), 'warn', 'web1: rolled back, serves revision 111111111111'],
  [
    hostFinished(web1, 'failed', { error: denied }),
    'error',
    'web1: failed, serves revision 111111111111: Cannot mkdir "/srv/cache/work": permission denied',
  ],
  [hostFinished(web1, 'unreachable', { live: null }), 'error', 'web1: unreachable, what it serves is unknown'],
  [hostFinished(web1, 'skipped'), 'info', 'web1: skipped, serves revision 111111111111'],
  [hostFinished(web1, 'not-attempted'), 'warn', 'web1: not attempted, serves revision 111111111111'],
  [
    runFinished('ok', { counts: counts({ promoted: 2, unchanged: 1 }) }),
    'info',
    'Run 12 ended after 1.2 s: ok (2 promoted, 1 unchanged)',
  ],
  [
    runFinished('partial', { counts: counts({ failed: 1 }) }),
    'warn',
    'Run 12 ended after 1.2 s: partial, some hosts are behind (1 failed)',
  ],
  [runFinished('failed', { error: bug }), 'error', 'Run 12 ended after 1.2 s: failed: x is not a function'],
  [runFinished('rolled-back'), 'error', 'Run 12 ended after 1.2 s: failed, rolled back'],
  [runFinished('not-rolled-back'), 'error', 'Run 12 ended after 1.2 s: failed, NOT rolled back'],
  [runFinished('interrupted'), 'error', 'Run 12 ended after 1.2 s: interrupted'],
  [runFinished('aborted'), 'error', 'Run 12 ended after 1.2 s: aborted'],
  [
    event('maintenance.failed', { error: denied }),
    'warn',
    'Maintenance failed, the run is not affected: Cannot mkdir "/srv/cache/work": permission denied',
  ],
];

const untold: readonly (readonly [string, ScapEvent])[] = [
  ['a scan that goes on', event('staging.scanned', { files: 1, readBytes: 1, done: false })],
  ['nothing left out', event('staging.left-out', { excluded: 0, samples: [], gitDirectories: 0, reserved: false })],
  ['nothing ignored', event('staging.ignored', { count: 0, samples: [] })],
  ['progress', task('task.progressed', 'fetch', web1, { done: 1, total: 2 })],
  [
    'the end of a stage in which nothing ran',
    event('stage.finished', { stage: 'fetch', ok: 0, failed: 0, durationMs: 1 }),
  ],
  ['a type of a newer version', { type: 'moon.risen', at: 0 } as unknown as ScapEvent],
];

describe('describeEvent()', () => {
  it.each(told.map(([given, level, text]) => ({ given, level, text })))(
    '$given.type: $text',
    ({ given, level, text }) => {
      expect(describeEvent(given)).toEqual({ level, text });
    },
  );

  it.each(untold)('says nothing of %s', (_what, given) => {
    expect(describeEvent(given)).toBeUndefined();
  });

  it('[B12] never prints the password of a URL', () => {
    const error = { code: 'process_failed', message: 'Cannot fetch https://bob:hunter2@git.example/x' } as const;
    expect(describeEvent(task('task.failed', 'fetch', web1, { error }))?.text).toBe(
      'web1: fetch failed after 1.2 s: Cannot fetch https://***@git.example/x',
    );
  });
});
