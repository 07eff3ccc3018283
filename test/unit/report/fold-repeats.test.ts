import { describe, expect, it } from 'vitest';
import { commonText, createRepeatFold, toRemark, withoutHost } from '../../../src/report/fold-repeats.ts';
import { groupFailures } from '../../../src/report/group-failures.ts';
import { denied, event, host, hosts, runStarted, task } from './sample-events.ts';

describe('withoutHost()', () => {
  it.each([
    ['Cannot promote on mw1: refused', 'Cannot promote on HOST: refused'],
    ['mw1.', 'HOST.'],
    ['mw10 and xmw1 and mw1.example and a-mw1', 'mw10 and xmw1 and mw1.example and a-mw1'],
  ])('%s → %s', (text, expected) => {
    expect(withoutHost(text, 'mw1')).toBe(expected);
  });

  it('takes the dots of a name literally', () => {
    expect(withoutHost('a.b and axb', 'a.b')).toBe('HOST and axb');
  });
});

describe('toRemark()', () => {
  it('is undefined for what hosts do not say alike', () => {
    expect(toRemark(runStarted(hosts(2)))).toBeUndefined();
    expect(toRemark(task('task.failed', 'record', null))).toBeUndefined();
    expect(toRemark(task('task.finished', 'fetch', host('a')))).toBeUndefined();
  });
});

describe('createRepeatFold()', () => {
  const failed = (name: string) =>
    task('task.failed', 'fetch', host(name), {
      error: { code: 'permission_denied', message: `Cannot write on ${name}: permission denied` },
    });

  it('[B46] makes one line of the same error on many hosts', () => {
    const fold = createRepeatFold();
    for (const name of hosts(37)) fold.add(failed(name), false);
    fold.add(event('host.noted', { host: host('web1'), code: 'x', message: 'Repaired drift' }), false);
    expect(fold.drain()).toEqual([
      { level: 'error', text: '37 hosts: fetch failed: Cannot write on HOST: permission denied (mw[1001:1037])' },
      { level: 'warn', text: 'web1: Repaired drift' },
    ]);
    expect(fold.drain()).toEqual([]);
  });

  it('tells the first at once, and later only what was repeated', () => {
    const fold = createRepeatFold();
    const line = { level: 'error', text: 'mw1: fetch failed after 1.2 s: Cannot write on mw1: permission denied' };
    expect(fold.add(failed('mw1'), true)).toEqual(line);
    expect(fold.drain()).toEqual([]);
    expect(fold.add(failed('mw1'), true)).toEqual(line);
    expect(fold.add(failed('mw2'), true)).toBeUndefined();
    expect(fold.drain()).toEqual([
      { level: 'error', text: '2 hosts: fetch failed: Cannot write on HOST: permission denied (mw1, mw2)' },
    ]);
  });
});

describe('commonText()', () => {
  it('takes out the address and the fingerprint an error names as its own', () => {
    const error = {
      code: 'host_key_unknown',
      message: '',
      data: { address: '10.0.0.2', fingerprint: 'SHA256:a/+b' },
    } as const;
    expect(commonText('Refused mw1 at 10.0.0.2 (not 10.0.0.22): SHA256:a/+b is not known', 'mw1', error)).toBe(
      'Refused HOST at ADDRESS (not 10.0.0.22): FINGERPRINT is not known',
    );
  });
});

describe('groupFailures()', () => {
  it('[B46] makes one group of unknown host keys, and its hint names all hosts', () => {
    const error = (name: string, fingerprint: string) =>
      ({
        code: 'host_key_unknown',
        message: `Refused to talk to ${name}: its host key ${fingerprint} is not known`,
        hint: `Compare, then: scap hosts trust ${name}`,
        data: { fingerprint },
      }) as const;
    const failures = hosts(4).map((name, index) => ({ host: name, error: error(name, `SHA256:k${index}`) }));
    expect(groupFailures(failures)).toEqual([
      {
        message: 'Refused to talk to HOST: its host key FINGERPRINT is not known',
        hint: "Compare, then: scap hosts trust 'mw[1001:1004]'",
        hosts: hosts(4),
      },
    ]);
  });

  it('groups what reads the same but for the name, hints included', () => {
    const error = (name: string) =>
      ({ code: 'disk_full', message: `No space on ${name}`, hint: `Run: ssh ${name} df` }) as const;
    const [a, b, c] = [host('a1'), host('b1'), host('c1')];
    expect(
      groupFailures([
        { host: a, error: error('a1') },
        { host: null, error: denied },
        { host: b, error: error('b1') },
        { host: c, error: denied },
      ]),
    ).toEqual([
      { message: 'No space on HOST', hint: 'Run: ssh HOST df', hosts: ['a1', 'b1'] },
      { message: denied.message, hint: denied.hint, hosts: [] },
      { message: denied.message, hint: denied.hint, hosts: ['c1'] },
    ]);
    expect(groupFailures([{ host: a, error: error('a1') }])).toEqual([
      { message: 'No space on a1', hint: 'Run: ssh a1 df', hosts: ['a1'] },
    ]);
  });
});
