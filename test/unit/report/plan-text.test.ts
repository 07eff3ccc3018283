import { describe, expect, it } from 'vitest';
import { parseSha } from '../../../src/core/sha.ts';
import type { Plan, PlanStage, Task } from '../../../src/plan/plan.ts';
import { formatPlanText } from '../../../src/report/plan-text.ts';
import { after, before, host, hosts } from './sample-events.ts';

const webs = ['web1', 'web2', 'web3'].map(host);

function stage(name: string, tasks: PlanStage['tasks']): PlanStage {
  return { name, concurrency: 10, concurrencyPerHost: 1, failureBudget: 0, tasks };
}

function plan(stages: readonly PlanStage[], data: Partial<Plan> = {}): Plan {
  const createdAt = '2025-01-02T03:04:05Z';
  return {
    version: 1,
    id: 'p1',
    kind: 'push',
    revision: after,
    base: before,
    message: 'Fix T1',
    createdAt,
    stages,
    unchanged: [],
    ...data,
  };
}

function taskFor(command: string, name: string | undefined, more: Record<string, unknown> = {}): Task {
  return { id: `${command}-${name}`, command, ...(name === undefined ? {} : { host: host(name) }), ...more };
}

const describeTask = (task: Task) =>
  task.host === undefined ? task.command : `${task.command} revision to ${task.host}`;

describe('formatPlanText()', () => {
  it('folds the tasks of a stage that differ only in their host', () => {
    const text = formatPlanText(
      plan([
        stage(
          'fetch',
          webs.map((name) => taskFor('fetch', name)),
        ),
        stage(
          'promote',
          webs.map((name) => taskFor('promote', name)),
        ),
        stage('record', [taskFor('record', undefined)]),
      ]),
      describeTask,
    );
    expect(text.split('\n')).toEqual([
      'Plan p1: push',
      '  revision: aaaaaaaaaaaa',
      '  replaces: 111111111111',
      '  message: "Fix T1"',
      'fetch on 3 hosts: web1, web2, web3 (failure budget 0)',
      '  fetch revision to HOST',
      'promote on 3 hosts: web1, web2, web3 (failure budget 0)',
      '  promote revision to HOST',
      'record on the deploy host (failure budget 0)',
    ]);
  });

  it('shows what follows a batch, and that nothing follows the last', () => {
    const batch = (n: number) => ({
      ...stage(`promote:rest ${n}/2`, [taskFor('promote', `web${n}`)]),
      group: 'rest',
      soakMs: 20_000,
    });
    const lines = formatPlanText(
      plan([batch(1), batch(2), stage('record', [taskFor('record', undefined)])]),
      describeTask,
    ).split('\n');
    expect(lines).toContain('promote:rest 1/2 on 1 host: web1 (failure budget 0, then soak 20.0 s)');
    expect(lines).toContain('promote:rest 2/2 on 1 host: web2 (failure budget 0)');
  });

  it('shows apart what differs in more, and chains in order', () => {
    const chain = (name: string) => [taskFor('depool', name), taskFor('promote', name), taskFor('repool', name)];
    const text = formatPlanText(
      plan([
        stage('promote', [
          chain('web1'),
          chain('web2'),
          taskFor('promote', 'web3', { force: true }),
          taskFor('announce', undefined),
        ]),
      ]),
      describeTask,
    );
    expect(text.split('\n').slice(4)).toEqual([
      'promote: 8 tasks on 3 hosts (failure budget 0)',
      '  web1, web2: depool revision to HOST, then promote revision to HOST, then repool revision to HOST',
      '  web3: promote revision to HOST',
      '  deploy host: announce',
    ]);
  });

  it('[B42] lists hosts by group, and those that need nothing', () => {
    const names = hosts(20);
    const groups = [
      { name: 'canary', hosts: ['mw1001'] },
      { name: 'rest', hosts: names.slice(1) },
      { name: 'other', hosts: ['db1'] },
    ];
    const text = formatPlanText(
      plan(
        [
          stage(
            'fetch',
            names.map((name) => taskFor('fetch', name)),
          ),
        ],
        { unchanged: webs },
      ),
      describeTask,
      groups,
    );
    expect(text.split('\n').slice(4)).toEqual([
      '  group canary: 1 host: mw1001',
      '  group rest: 19 hosts: mw[1002:1020]',
      'fetch on 20 hosts: mw[1001:1020] (failure budget 0)',
      '  fetch revision to HOST',
      'unchanged: 3 hosts: web1, web2, web3',
    ]);
  });

  it('[B38] says that there is nothing to do', () => {
    expect(
      formatPlanText(plan([stage('fetch', [])], { message: '', unchanged: webs }), describeTask).split('\n'),
    ).toEqual([
      'Plan p1: push',
      '  revision: aaaaaaaaaaaa',
      '  replaces: 111111111111',
      'Nothing to do',
      'unchanged: 3 hosts: web1, web2, web3',
    ]);
  });

  it('names a revision that a dry run did not make, and a first run', () => {
    const text = formatPlanText(plan([], { revision: parseSha('0'.repeat(40)), base: null }), describeTask);
    expect(text).toContain('  revision: (new revision)\n  replaces: nothing (first run)\n');
  });
});
