import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import {
  cleanEnvironment,
  createOperator,
  type Document,
  type Operator,
  scapProgram,
  withoutAgents,
} from '../support/operator.ts';

const readPlan = (me: Operator): Document => JSON.parse(readFileSync(me.path('plan.json'), 'utf8'));
const writePlan = (me: Operator, plan: Document) => writeFileSync(me.path('plan.json'), JSON.stringify(plan));

describe('scap plan … --save, scap run', () => {
  it('[B44] saves what push would do, touches no target, and runs exactly that', async () => {
    const me = createOperator();
    const { stdout } = await me.expectStatus(0, 'plan', 'push', 'staging', '--save', 'plan.json', '-m', 'prepared');
    expect(stdout).toContain('scap run plan.json');
    expect(existsSync(me.live('web1'))).toBe(false);
    const plan = readPlan(me);
    expect(plan).toMatchObject({ version: 1, kind: 'push', base: null, message: 'prepared', unchanged: [] });
    const result = await me.json(0, 'run', 'plan.json');
    expect(result).toMatchObject({
      ok: true,
      outcome: 'ok',
      revision: plan.revision,
      kind: 'push',
      counts: { promoted: 3 },
    });
    expect((await me.json(0, 'history')).runs[0]).toMatchObject({ plan: plan.id, message: 'prepared' });
  });

  it('[B44] is refused when the world has moved: exit 7', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'plan', 'push', 'staging', '--save', 'plan.json');
    await me.expectStatus(0, 'run', 'plan.json');
    const before = await me.targets();
    const { stderr } = await me.expectStatus(7, 'run', 'plan.json');
    expect(stderr).toContain('it was made when nothing was live, now');
    expect(await me.targets()).toEqual(before);
  });

  it('[B44] edited by hand it runs as edited: hosts taken out are left alone', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'plan', 'push', 'staging', '--save', 'plan.json');
    const plan = readPlan(me);
    for (const stage of plan.stages)
      stage.tasks = stage.tasks.filter(({ host }: { host?: string }) => host === undefined || host === 'web2');
    writePlan(me, plan);
    const result = await me.json(0, 'run', 'plan.json');
    expect(result.hosts.map(({ host }: { host: string }) => host)).toEqual(['web2']);
    expect([existsSync(me.live('web1')), existsSync(me.live('web2'))]).toEqual([false, true]);
  });

  it.each([
    [
      'an unknown host',
      (plan: Document) => {
        plan.stages[0].tasks[0].host = 'web9';
      },
      2,
      'there is no host "web9" in the inventory',
    ],
    [
      'an unknown version',
      (plan: Document) => {
        plan.version = 2;
      },
      3,
      'version',
    ],
    [
      'an unknown command',
      (plan: Document) => {
        plan.stages[0].tasks[0].command = 'explode';
      },
      3,
      'there is no command "explode"',
    ],
    [
      'an unknown key',
      (plan: Document) => {
        plan.stages[0].failureBugdet = 1;
      },
      3,
      'failureBugdet',
    ],
    [
      'a revision nobody has',
      (plan: Document) => {
        plan.revision = 'a'.repeat(40);
        for (const task of plan.stages.flatMap(({ tasks }: Document) => tasks))
          if (task.revision !== undefined) task.revision = plan.revision;
      },
      2,
      'does not hold it',
    ],
    [
      'a task of another revision',
      (plan: Document) => {
        plan.stages[0].tasks[0].revision = 'a'.repeat(40);
      },
      3,
      "its revision is not the plan's",
    ],
    [
      'a task id used twice',
      (plan: Document) => {
        plan.stages[0].tasks[1].id = plan.stages[0].tasks[0].id;
      },
      3,
      'is used twice',
    ],
    [
      'a revision that is none',
      (plan: Document) => {
        plan.stages[0].tasks[0].revision = '../../etc';
      },
      3,
      'should be 40 hex digits',
    ],
  ] as const)('[B44] with %s is refused before anything is touched', async (_what, edit, status, words) => {
    const me = createOperator();
    await me.expectStatus(0, 'plan', 'push', 'staging', '--save', 'plan.json');
    const plan = readPlan(me);
    edit(plan);
    writePlan(me, plan);
    const { stderr, stdout } = await me.expectStatus(status, 'run', 'plan.json');
    expect(stderr).toContain(words);
    expect(stdout).toBe('');
    expect(existsSync(me.path('.scap/targets'))).toBe(false);
  });

  it('what is not JSON, or is missing: exit 3', async () => {
    const me = createOperator();
    writeFileSync(me.path('plan.json'), '{"version": 1,');
    expect((await me.expectStatus(3, 'run', 'plan.json')).stderr).toContain('not JSON');
    expect((await me.expectStatus(3, 'run', 'nowhere.json')).stderr).toContain('nowhere.json');
    writeFileSync(me.path('plan.json'), '[]');
    expect((await me.expectStatus(3, 'run', 'plan.json')).stderr).toContain('hint: Make a new one with');
  });

  it('[B54] --resume after an interrupted run does only what is left', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'plan', 'push', 'staging', '--save', 'plan.json');
    // Two stages of promotion: when the second begins, what the first did is in the log.
    const plan = readPlan(me);
    const at = plan.stages.findIndex(({ name }: { name: string }) => name === 'promote');
    const { tasks, ...stage } = plan.stages[at];
    plan.stages.splice(
      at,
      1,
      { ...stage, tasks: tasks.slice(0, 2) },
      { ...stage, name: 'promote-last', tasks: tasks.slice(2) },
    );
    writePlan(me, plan);
    await killedAtStage(me, 'promote-last');
    // Nobody has written that down yet.
    expect((await me.json(0, 'history')).runs).toMatchObject([{ n: 1, outcome: 'aborted' }]);
    expect((await me.scap('status')).stdout).toContain('Last run: 1 (push) by');
    expect((await me.scap('status')).stdout).toContain(', aborted, ');
    const result = await execa(scapProgram, ['run', 'plan.json', '--resume', '--events'], {
      cwd: me.cwd,
      env: cleanEnvironment(),
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
    });
    expect(result.exitCode, result.stderr).toBe(0);
    const events = result.stdout.split('\n').map((line) => JSON.parse(line) as Document);
    const skipped = events.filter(({ type }) => type === 'task.skipped').map(({ task }) => task as string);
    const started = events.filter(({ type }) => type === 'task.started').map(({ task }) => task as string);
    expect(skipped.filter((task) => task.startsWith('fetch@')).sort()).toEqual([
      'fetch@web1',
      'fetch@web2',
      'fetch@web3',
    ]);
    expect(skipped).toEqual(expect.arrayContaining(['promote@web1', 'promote@web2']));
    expect(started).toContain('record');
    expect(started.filter((task) => skipped.includes(task))).toEqual([]);
    const { runs } = await me.json(0, 'history');
    expect(runs.map(({ n, outcome }: { n: number; outcome: string }) => [n, outcome])).toEqual([
      [2, 'ok'],
      [1, 'aborted'],
    ]);
    await me.expectStatus(0, 'status');
  });

  it('[B44] plan sync-file and plan rollback make plans that run', async () => {
    const me = createOperator();
    const one = (await me.json(0, 'push', 'staging')).revision;
    me.stage({ 'index.php': 'two', 'docroot/robots.txt': 'two' });
    await me.expectStatus(0, 'plan', 'sync-file', 'index.php', '--save', 'plan.json');
    expect((await me.json(0, 'run', 'plan.json')).kind).toBe('sync-file');
    expect(readFileSync(join(me.live('web1'), 'docroot/robots.txt'), 'utf8')).toBe('User-agent: *\n');
    await me.expectStatus(0, 'plan', 'rollback', '--save', 'plan.json');
    expect(await me.json(0, 'run', 'plan.json')).toMatchObject({ kind: 'rollback', revision: one });
    expect((await me.json(0, 'history')).runs[0].kind).toBe('rollback');
  });

  it('--json prints the plan itself', async () => {
    const me = createOperator();
    const plan = await me.json(0, 'plan', 'push', 'staging');
    expect(Object.keys(plan).sort()).toEqual([
      'base',
      'createdAt',
      'id',
      'kind',
      'message',
      'revision',
      'stages',
      'unchanged',
      'version',
    ]);
    writePlan(me, plan);
    await me.expectStatus(0, 'run', 'plan.json');
  });

  it('a plan with nothing to do says so when it is run', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    const before = await me.targets();
    expect((await me.expectStatus(0, 'run', 'plan.json')).stdout).toMatch(/Nothing to do|already/);
    expect(await me.targets()).toEqual(before);
  });
});

/** Runs the plan and kills scap when this stage begins; its agents come to their own end. */
async function killedAtStage(me: Operator, stage: string): Promise<void> {
  const child = execa(scapProgram, ['run', 'plan.json', '--events'], {
    cwd: me.cwd,
    env: cleanEnvironment(),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    buffer: false,
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes(`"stage":"${stage}"`)) child.kill('SIGKILL');
  });
  await child;
  await withoutAgents(me.cwd);
}
