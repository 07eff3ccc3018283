import { describe, expect, it } from 'vitest';
import type { ErrorReport } from '../../../src/core/errors.ts';
import type { ScapEvent } from '../../../src/events/event.ts';
import { formatSummary } from '../../../src/report/summary.ts';
import { formatNothingToDo } from '../../../src/report/summary-outcome.ts';
import {
  after,
  before,
  denied,
  event,
  fold,
  host,
  hostFinished,
  hosts,
  runFinished,
  runStarted,
  task,
} from './sample-events.ts';

const [a, b, c] = [host('a'), host('b'), host('c')];
const abc = [a, b, c];
const promoting = event('stage.started', { stage: 'promote', tasks: 3 });
const lost = { code: 'connection_lost', message: 'Lost the connection' } as const;

function summary(...events: readonly ScapEvent[]): readonly string[] {
  return formatSummary(fold(...events), { colour: false }).split('\n');
}

describe('formatSummary()', () => {
  it('says what is live after a run that did all it should, and nothing more', () => {
    expect(
      summary(
        runStarted(abc),
        promoting,
        hostFinished(a, 'promoted'),
        hostFinished(b, 'promoted'),
        hostFinished(c, 'unchanged'),
        runFinished('ok'),
      ),
    ).toEqual(['Revision aaaaaaaaaaaa is live on 3 of 3 hosts (2 promoted, 1 unchanged) in 1.2 s']);
  });

  it('[B38] says that every host served the revision already', () => {
    const events = [runStarted(abc), ...abc.map((name) => hostFinished(name, 'unchanged')), runFinished('ok')];
    expect(summary(...events)).toEqual([
      'Revision aaaaaaaaaaaa was live on all 3 hosts already; run 12 checked that in 1.2 s',
    ]);
    expect(formatNothingToDo(after, 1)).toBe('Nothing to do: revision aaaaaaaaaaaa is already live on the one host');
  });

  it('counts hosts that were left out apart from those of the run', () => {
    const leftOut = [b, c].map((name) => hostFinished(name, 'skipped', { live: null }));
    expect(summary(runStarted([a]), promoting, hostFinished(a, 'promoted'), ...leftOut, runFinished('ok'))).toEqual([
      'Revision aaaaaaaaaaaa is live on 1 of 1 host (1 promoted, 2 left out by --limit) in 1.2 s',
    ]);
    expect(summary(runStarted([a]), hostFinished(a, 'unchanged'), ...leftOut, runFinished('ok'))).toEqual([
      'Revision aaaaaaaaaaaa was live on 1 host (2 left out by --limit) already; run 12 checked that in 1.2 s',
    ]);
    const clean = runStarted([a], { kind: 'clean' });
    expect(summary(clean, hostFinished(a, 'unchanged'), ...leftOut, runFinished('ok'))).toEqual([
      'Run 12 (clean): ok on 1 host (2 left out by --limit) in 1.2 s',
    ]);
    const seed = runStarted([a], { kind: 'seed' });
    expect(summary(seed, promoting, hostFinished(a, 'promoted'), ...leftOut, runFinished('ok'))).toEqual([
      'Revision aaaaaaaaaaaa is live on 1 of 1 host (1 promoted, 2 left out) in 1.2 s',
    ]);
    expect(formatNothingToDo(after, 1, 2)).toBe(
      'Nothing to do: revision aaaaaaaaaaaa is already live on 1 host (2 left out by --limit)',
    );
  });

  it.each([
    ['a whole push', {}, [], 'scap push'],
    ['a limited push', {}, [hostFinished(c, 'skipped', { live: null })], 'scap seed b'],
    ['a sync-file', { kind: 'sync-file' }, [], 'scap seed b'],
    ['a rollback', { kind: 'rollback' }, [], 'scap seed b'],
    ['a seed', { kind: 'seed' }, [hostFinished(c, 'skipped', { live: null })], 'scap seed b'],
  ])(
    '[B34] after %s that did not reach a host, suggests what brings that host up and nothing else',
    (_what, data, more, command) => {
      const lines = summary(
        runStarted([a, b], data),
        promoting,
        hostFinished(a, 'promoted'),
        hostFinished(b, 'failed', { error: denied }),
        ...more,
        runFinished('partial'),
      );
      expect(lines.at(-1)).toMatch(new RegExp(`^  ${command} +bring the host that is behind up$`));
    },
  );

  it('[B34] suggests to record the keys of hosts that are not known, and gives no hint twice', () => {
    const names = hosts(5);
    const unknown = { code: 'host_key_unknown', message: 'Not known', hint: 'Compare the fingerprint' } as const;
    const lines = summary(
      runStarted(names),
      ...names.map((name) => hostFinished(name, 'unreachable', { live: null, error: unknown })),
      runFinished('failed', { error: { code: 'run_failed', message: 'Cannot go on', hint: unknown.hint } }),
    );
    expect(lines).toContain("  scap hosts trust 'mw[1001:1005]'  see the new host keys and record them");
    expect(lines.filter((line) => line.includes(unknown.hint))).toHaveLength(1);
    expect(lines).toContain('error: Cannot go on');
  });

  it('[B34] suggests what reaches the same fleet, and resumes the plan that was interrupted', () => {
    const state = fold(runStarted([a]), runFinished('interrupted'));
    const options = { colour: false, config: './my fleet.yaml', savedPlan: 'p.json' };
    const lines = formatSummary(state, options).split('\n');
    expect(lines).toContain("  scap status --config './my fleet.yaml'               see what every host serves");
    expect(lines).toContain("  scap run --config './my fleet.yaml' p.json --resume  carry on");
  });

  it('[B34] names the configuration in hints of errors, too', () => {
    const error: ErrorReport = { code: 'target_unreachable', message: 'Cannot reach it', hint: 'Then scap push again' };
    const state = fold(runStarted([a]), hostFinished(a, 'unreachable', { live: null, error }), runFinished('failed'));
    expect(formatSummary(state, { colour: false, config: 'f.yaml' })).toContain(
      'hint: Then scap push --config f.yaml again',
    );
  });

  it('quotes a range that it suggests to seed', () => {
    const names = hosts(6);
    const lines = summary(
      runStarted(names, { kind: 'rollback' }),
      promoting,
      ...names.slice(0, 5).map((name) => hostFinished(name, 'failed')),
      hostFinished(names[5] ?? a, 'promoted'),
      runFinished('partial'),
    );
    expect(lines.at(-1)).toBe("  scap seed 'mw[1001:1005]'  bring the 5 hosts that are behind up");
  });

  it('does not call live what another host reported to serve', () => {
    expect(
      summary(
        runStarted([a, b]),
        promoting,
        hostFinished(a, 'promoted'),
        hostFinished(b, 'skipped'),
        runFinished('ok'),
      ),
    ).toEqual([
      'Revision aaaaaaaaaaaa is live on 1 of 2 hosts (1 promoted, 1 skipped) in 1.2 s',
      '',
      'What the hosts serve now:',
      '  aaaaaaaaaaaa (this run)  1 host: a',
      '  111111111111 (before)    1 host: b',
    ]);
  });

  it('says that a prepared revision is not live', () => {
    const fetched = [a, b].map((name) => task('task.finished', 'fetch', name));
    expect(
      summary(
        runStarted([a, b], { kind: 'prepare' }),
        ...fetched,
        hostFinished(a, 'skipped'),
        hostFinished(b, 'skipped'),
        runFinished('ok'),
      ),
    ).toEqual([
      'Revision aaaaaaaaaaaa is fetched, not promoted, on 2 of 2 hosts (2 skipped) in 1.2 s',
      '',
      'What to do next:',
      '  scap push  make the staging tree live',
    ]);
  });

  it('does not speak of live revisions after a clean', () => {
    expect(summary(runStarted([a], { kind: 'clean' }), hostFinished(a, 'unchanged'), runFinished('ok'))).toEqual([
      'Run 12 (clean): ok on 1 host in 1.2 s',
    ]);
  });

  it('[B46] groups failing hosts by error and names those that are behind', () => {
    expect(
      summary(
        runStarted([a, b, c, host('d')]),
        promoting,
        hostFinished(a, 'promoted'),
        hostFinished(b, 'failed', { error: denied }),
        hostFinished(c, 'failed', { error: denied }),
        hostFinished(host('d'), 'unreachable', { error: lost, live: null }),
        runFinished('partial'),
      ),
    ).toEqual([
      'Revision aaaaaaaaaaaa is live on only 1 of 4 hosts (1 promoted, 2 failed, 1 unreachable) after 1.2 s',
      '',
      '2 hosts: Cannot mkdir "/srv/cache/work": permission denied',
      '  b, c',
      '  hint: Give the user write access to that path',
      'd: Lost the connection',
      '',
      'What the hosts serve now:',
      '  111111111111 (before)    2 hosts: b, c',
      '  aaaaaaaaaaaa (this run)  1 host: a',
      '  unknown                  1 host: d',
      '',
      'What to do next:',
      '  scap status  see what every host serves',
      '  scap push    bring the 3 hosts that are behind up',
    ]);
  });

  it('suggests a push when many are behind', () => {
    const names = hosts(20);
    const lines = summary(
      runStarted(names),
      promoting,
      ...names.map((name) => hostFinished(name, 'failed')),
      runFinished('partial'),
    );
    expect(lines.at(-1)).toBe('  scap push    bring the 20 hosts that are behind up');
  });

  it('tells that nothing was promoted when the fetch failed', () => {
    expect(
      summary(
        runStarted([a, b]),
        task('task.failed', 'fetch', b),
        hostFinished(a, 'not-attempted'),
        hostFinished(b, 'failed', { error: denied }),
        runFinished('failed', { error: { code: 'run_failed', message: 'Cannot fetch: 1 of 2 hosts failed' } }),
      ),
    ).toEqual([
      'Push of revision aaaaaaaaaaaa failed after 1.2 s: no host was promoted (1 failed, 1 not attempted)',
      '',
      'b: Cannot mkdir "/srv/cache/work": permission denied',
      '  hint: Give the user write access to that path',
      'error: Cannot fetch: 1 of 2 hosts failed',
      '',
      'What the hosts serve now:',
      '  111111111111 (before)  2 hosts: a, b',
      '',
      'What to do next:',
      '  scap status  see what every host serves',
      '  scap push    try again when the cause is gone',
    ]);
  });

  it('tells that the hosts went back', () => {
    const lines = summary(
      runStarted([a, b]),
      promoting,
      event('rollback.started', { hosts: [a], reason: 'check failed' }),
      hostFinished(a, 'rolled-back'),
      hostFinished(b, 'failed', { error: denied }),
      runFinished('rolled-back'),
    );
    expect(lines[0]).toBe(
      'Push of revision aaaaaaaaaaaa failed after 1.2 s and was rolled back: it is live on 0 of 2 hosts (1 rolled back, 1 failed)',
    );
    expect(lines.slice(-3)).toEqual([
      'What to do next:',
      '  scap status  see what every host serves',
      '  scap push    try again when the cause is gone',
    ]);
  });

  it('[B50] tells where a revision still is that was not rolled back, and how to go back', () => {
    expect(
      summary(
        runStarted(abc),
        promoting,
        hostFinished(a, 'rolled-back'),
        hostFinished(b, 'failed', { live: after, error: lost }),
        hostFinished(c, 'unreachable', { live: null, error: lost }),
        runFinished('not-rolled-back'),
      ),
    ).toEqual([
      'Push of revision aaaaaaaaaaaa failed after 1.2 s and was NOT rolled back: it is live on 1 of 3 hosts, unknown on 1 (1 rolled back, 1 failed, 1 unreachable)',
      '',
      '2 hosts: Lost the connection',
      '  b, c',
      '',
      'What the hosts serve now:',
      '  111111111111 (before)    1 host: a',
      '  aaaaaaaaaaaa (this run)  1 host: b',
      '  unknown                  1 host: c',
      '',
      'What to do next:',
      '  scap status                 see what every host serves',
      '  scap rollback 111111111111  go back to what was live before, everywhere',
      '  scap push                   or go forward when the cause is gone',
    ]);
  });

  it('[B36] says what is live where after an interrupt', () => {
    expect(
      summary(
        runStarted(abc),
        promoting,
        event('interrupt.received', { signal: 'SIGINT' }),
        hostFinished(a, 'promoted'),
        hostFinished(b, 'not-attempted'),
        hostFinished(c, 'not-attempted'),
        runFinished('interrupted'),
      ),
    ).toEqual([
      'Push of revision aaaaaaaaaaaa was interrupted by SIGINT after 1.2 s: it is live on 1 of 3 hosts (1 promoted, 2 not attempted)',
      '',
      'What the hosts serve now:',
      '  111111111111 (before)    2 hosts: b, c',
      '  aaaaaaaaaaaa (this run)  1 host: a',
      '',
      'What to do next:',
      '  scap status                 see what every host serves',
      '  scap push                   carry on',
      '  scap rollback 111111111111  go back to what was live before, everywhere',
    ]);
  });

  it('does not offer to go back when there is nothing before', () => {
    const lines = summary(
      runStarted([a], { previous: null }),
      promoting,
      hostFinished(a, 'promoted'),
      runFinished('interrupted'),
    );
    expect(lines.join('\n')).not.toContain('rollback');
  });

  it('does not take what a host served at first for what it serves at the end', () => {
    const lines = summary(event('host.connected', { host: a, live: after, durationMs: 1 }), runStarted([a]), promoting);
    expect(lines.slice(0, 4)).toEqual([
      'Push of revision aaaaaaaaaaaa has no recorded end: it is live on 0 of 1 host, unknown on 1',
      '',
      'What the hosts serve now:',
      '  unknown  1 host: a',
    ]);
  });

  it('is empty when no run started', () => {
    expect(
      formatSummary(fold(event('host.connected', { host: a, live: before, durationMs: 1 })), { colour: false }),
    ).toBe('');
  });

  it.each(['failed', 'rolled-back', 'not-rolled-back', 'interrupted', 'aborted'] as const)(
    '[B50] never says finished, synchronised or a bare "is live" after: %s',
    (outcome) => {
      const ends = [
        hostFinished(a, 'rolled-back'),
        hostFinished(b, 'failed', { live: null }),
        hostFinished(c, 'not-attempted'),
      ];
      const text = summary(runStarted(abc), promoting, ...ends, runFinished(outcome)).join('\n');
      expect(text).not.toMatch(/finished|synchroni[sz]ed|success|done|is live on all/i);
      expect(text).toContain('it is live on 0 of 3 hosts, unknown on 1');
    },
  );
});
