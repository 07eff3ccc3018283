import { describe, expect, it } from 'vitest';
import { ScapError } from '../../../src/core/errors.ts';
import { Command, type RunContext, type TaskResult } from '../../../src/deploy/commands/command.ts';
import { describeTask, type Execution, executePlan, initializePlan } from '../../../src/deploy/executor.ts';
import { createEventBus, type ScapEvent } from '../../../src/events/event.ts';
import type { Plan, PlanStage, Task } from '../../../src/plan/plan.ts';
import { aPlan, aStage, aTask } from '../../support/deploy-facts.ts';

/** A command whose tasks end when and how the test says; without a word they succeed at once. */
class FakeCommand extends Command<Record<never, never>> {
  readonly name = 'work';
  readonly started: string[] = [];
  readonly ended: string[] = [];
  readonly initialized: string[] = [];
  running = 0;
  mostRunning = 0;
  readonly #script: Readonly<Record<string, () => Promise<TaskResult | undefined> | TaskResult>>;

  constructor(script: Readonly<Record<string, () => Promise<TaskResult | undefined> | TaskResult>> = {}) {
    super();
    this.#script = script;
  }

  parse(task: Task): Record<never, never> {
    if (task.nonsense) throw new ScapError('plan_invalid', 'nonsense');
    return {};
  }

  describe(_args: Record<never, never>, task: Task): string {
    return `do ${task.id}`;
  }

  override async initialize(_world: unknown, _args: unknown, task: Task): Promise<void> {
    this.initialized.push(task.id);
  }

  async execute(_run: RunContext, _args: unknown, task: Task): Promise<TaskResult> {
    this.started.push(task.id);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      await Promise.resolve();
      const result = await this.#script[task.id]?.();
      return result ?? { result: 'done', data: {} };
    } finally {
      this.running--;
      this.ended.push(task.id);
    }
  }
}

const fails =
  (code: 'io_failed' | 'target_unreachable' = 'io_failed') =>
  async (): Promise<undefined> => {
    throw new ScapError(code, 'broken');
  };

async function execute(
  stages: PlanStage[],
  command: FakeCommand,
  options: { done?: Readonly<Record<string, TaskResult>>; signal?: AbortSignal } = {},
) {
  const events: ScapEvent[] = [];
  const bus = createEventBus();
  bus.listen((event) => events.push(event));
  const run = { bus, signal: options.signal ?? new AbortController().signal } as unknown as RunContext;
  const done = new Map(Object.entries(options.done ?? {}));
  const execution = await executePlan(aPlan(stages), new Map([['work', command]]), run, done);
  return { execution, events, command };
}

const work = (host?: string, id?: string): Task => ({ ...aTask('work', host), ...(id && { id }) });
const statuses = ({ tasks }: Execution) => Object.fromEntries([...tasks].map(([id, { status }]) => [id, status]));

describe('executePlan()', () => {
  it('runs stages one after the other', async () => {
    const { command, execution } = await execute(
      [aStage('one', [work('a', '1a'), work('b', '1b')]), aStage('two', [work('a', '2a'), work('b', '2b')])],
      new FakeCommand(),
    );
    expect(command.started.slice(0, 2).sort()).toEqual(['1a', '1b']);
    expect(command.started.slice(2).sort()).toEqual(['2a', '2b']);
    expect(execution).toMatchObject({ failure: undefined, interrupted: false });
    expect(statuses(execution)).toEqual({ '1a': 'ok', '1b': 'ok', '2a': 'ok', '2b': 'ok' });
  });

  it('[I6] [B29] starts no task of a stage before every task of the one before has ended', async () => {
    let release: () => void = () => {};
    const gate = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    const command = new FakeCommand({ slow: () => gate });
    const executing = execute(
      [aStage('one', [work('a', 'slow'), work('b', 'fast')]), aStage('two', [work('b', 'next')])],
      command,
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(command.started).toEqual(['slow', 'fast']);
    release();
    await executing;
    expect(command.started).toEqual(['slow', 'fast', 'next']);
  });

  it('runs a chain in order, and nothing of it after a failure', async () => {
    const chain = [work('a', '1'), work('a', '2'), work('a', '3')];
    const { command, execution } = await execute(
      [aStage('one', [chain], { failureBudget: 1 })],
      new FakeCommand({ 2: fails() }),
    );
    expect(command.started).toEqual(['1', '2']);
    expect(statuses(execution)).toEqual({ 1: 'ok', 2: 'failed' });
  });

  it.each([
    [1, 1],
    [3, 3],
    [10, 6],
  ])('runs at most %i at once', async (concurrency, most) => {
    const tasks = ['a', 'b', 'c', 'd', 'e', 'f'].map((host) => work(host));
    const { command } = await execute([aStage('one', tasks, { concurrency })], new FakeCommand());
    expect(command.mostRunning).toBe(most);
    expect(command.started).toHaveLength(6);
  });

  it.each([
    [1, 1],
    [2, 2],
  ])('runs at most %i at once on one host', async (concurrencyPerHost, most) => {
    const tasks = ['1', '2', '3', '4', '5'].map((id) => work('a', id));
    const { command } = await execute([aStage('one', tasks, { concurrencyPerHost })], new FakeCommand());
    expect(command.mostRunning).toBe(most);
    expect(command.ended.sort()).toEqual(['1', '2', '3', '4', '5']);
  });

  it('[B31] at the failure budget goes on, without the lost hosts', async () => {
    const hosts = ['a', 'b', 'c'];
    const stages = [
      aStage(
        'one',
        hosts.map((host) => work(host, `1${host}`)),
        { failureBudget: 1 },
      ),
      aStage(
        'two',
        hosts.map((host) => work(host, `2${host}`)),
        { failureBudget: 1 },
      ),
    ];
    const { execution, command } = await execute(stages, new FakeCommand({ '1b': fails() }));
    expect(command.started).toEqual(['1a', '1b', '1c', '2a', '2c']);
    expect(execution.failure).toBeUndefined();
    expect([...execution.dropped.keys()]).toEqual(['b']);
  });

  it('[B31] [I9] above it the stage fails: nothing new starts, what runs comes to its end, later stages do not begin', async () => {
    const hosts = ['a', 'b', 'c', 'd', 'e'];
    const stages = [
      aStage(
        'one',
        hosts.map((host) => work(host, `1${host}`)),
        { concurrency: 2, failureBudget: 1 },
      ),
      aStage('two', [work('a', '2a')]),
    ];
    const { execution, command } = await execute(stages, new FakeCommand({ '1a': fails(), '1b': fails() }));
    expect(execution.failure).toMatchObject({
      stage: 'one',
      error: {
        code: 'run_failed',
        message: 'Cannot go on with "one": 2 of 5 hosts failed, 1 allowed',
        data: { hosts: ['a', 'b'], causes: ['io_failed'] },
      },
    });
    expect(command.started).not.toContain('1e');
    expect(command.started).not.toContain('2a');
    expect(command.ended.sort()).toEqual([...command.started].sort());
  });

  it('[B31] hosts lost in an earlier stage count against the budget of a later one', async () => {
    const stages = [
      aStage('one', [work('a', '1a'), work('b', '1b')], { failureBudget: 1 }),
      aStage('two', [work('a', '2a'), work('b', '2b')], { failureBudget: 0 }),
    ];
    const { execution, command } = await execute(stages, new FakeCommand({ '1a': fails() }));
    expect(execution.failure).toMatchObject({
      stage: 'two',
      error: { code: 'run_failed', message: 'Cannot go on with "two": a failed, 0 allowed', data: { hosts: ['a'] } },
    });
    expect(command.started).toEqual(['1a', '1b']);
  });

  it('[B31] fails at once when a stage further on has lost too many: what is in between would be in vain', async () => {
    const stages = [
      aStage('one', [work('a', '1a'), work('b', '1b')], { failureBudget: 1 }),
      aStage('two', [work('b', '2b')], { failureBudget: 1 }),
      aStage('three', [work('a', '3a'), work('b', '3b')]),
    ];
    const { execution, command, events } = await execute(stages, new FakeCommand({ '1a': fails() }));
    expect(execution).toMatchObject({
      interrupted: false,
      failure: { stage: 'three', error: { message: 'Cannot go on with "three": a failed, 0 allowed' } },
    });
    expect(command.started).toEqual(['1a', '1b']);
    expect(events.filter(({ type }) => type === 'stage.started')).toHaveLength(1);
  });

  it('[B31] an earlier stage whose budget was spent does not count again', async () => {
    const stages = [
      aStage('one', [work('a', '1a'), work('b', '1b')], { failureBudget: 0 }),
      aStage('two', [work('a', '2a'), work('b', '2b')], { failureBudget: 1 }),
      aStage('three', [work('a', '3a'), work('b', '3b')], { failureBudget: 1 }),
    ];
    const { execution, command } = await execute(stages, new FakeCommand({ '2a': fails() }));
    expect(execution.failure).toBeUndefined();
    expect(command.started).toEqual(['1a', '1b', '2a', '2b', '3b']);
  });

  it('[B31] [B37] names every host that failed by the end of the stage, not only those that broke the budget', async () => {
    let release: () => void = () => {};
    const gate = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    const command = new FakeCommand({
      '1a': fails(),
      '1b': () => {
        setTimeout(release, 10);
        return fails()();
      },
      '1c': async () => gate.then(fails('target_unreachable')),
      '1d': () => gate,
    });
    const hosts = ['a', 'b', 'c', 'd'];
    const stage = aStage(
      'one',
      hosts.map((host) => work(host, `1${host}`)),
      { failureBudget: 1 },
    );
    const { execution } = await execute([stage], command);
    expect(execution.failure?.error).toMatchObject({
      message: 'Cannot go on with "one": 3 of 4 hosts failed, 1 allowed',
      data: { hosts: ['a', 'b', 'c'], causes: ['io_failed', 'target_unreachable'] },
    });
  });

  it('[B31] hosts lost outside a stage do not', async () => {
    const stages = [
      aStage('one', [work('a', '1a'), work('b', '1b')], { failureBudget: 1 }),
      aStage('two', [work('b', '2b')], { failureBudget: 0 }),
    ];
    const { execution } = await execute(stages, new FakeCommand({ '1a': fails() }));
    expect(execution.failure).toBeUndefined();
    expect(statuses(execution)).toMatchObject({ '2b': 'ok' });
  });

  it('a failed task of the deploy host fails its stage whatever the budget', async () => {
    const { execution } = await execute(
      [aStage('record', [work(undefined, 'record')], { failureBudget: 99 }), aStage('after', [work('a', 'x')])],
      new FakeCommand({ record: fails() }),
    );
    expect(execution.failure).toMatchObject({ stage: 'record', error: { code: 'io_failed' } });
    expect(statuses(execution)).toEqual({ record: 'failed' });
  });

  it('what is no expected failure is a bug of that task, and costs its host only', async () => {
    const { execution } = await execute(
      [aStage('one', [work('a', '1a'), work('b', '1b')], { failureBudget: 1 })],
      new FakeCommand({
        '1a': () => {
          throw new TypeError('undefined is not a function');
        },
      }),
    );
    expect(execution.tasks.get('1a')).toMatchObject({
      status: 'failed',
      error: { code: 'bug', message: 'undefined is not a function' },
    });
    expect(statuses(execution)['1b']).toBe('ok');
  });

  it('[B36] once interrupted starts nothing new and lets what runs end', async () => {
    const stop = new AbortController();
    const command = new FakeCommand({
      '1a': async () => {
        stop.abort();
        return undefined;
      },
    });
    const stages = [
      aStage('one', [work('a', '1a'), work('b', '1b'), work('c', '1c')], { concurrency: 1 }),
      aStage('two', [work('a', '2a')]),
    ];
    const { execution } = await execute(stages, command, { signal: stop.signal });
    expect(command.started).toEqual(['1a']);
    expect(execution).toMatchObject({ interrupted: true, failure: undefined });
    expect(statuses(execution)).toEqual({ '1a': 'ok' });
  });

  it('[B36] an interrupt after the last task is none', async () => {
    const stop = new AbortController();
    const command = new FakeCommand({
      last: async () => {
        stop.abort();
        return undefined;
      },
    });
    const { execution } = await execute([aStage('one', [work('a', 'last')])], command, { signal: stop.signal });
    expect(execution.interrupted).toBe(false);
  });

  it('[B54] skips what an interrupted run has done, keeps what it came to, and goes on with its chain', async () => {
    const before = { result: 'live', data: { changed: true, previous: 'x' } };
    const { execution, command, events } = await execute(
      [aStage('one', [[work('a', '1'), work('a', '2')], work('b', '3')])],
      new FakeCommand(),
      { done: { 1: before, 3: { result: 'nothing', data: {} } } },
    );
    expect(execution.tasks.get('1')).toEqual({ status: 'skipped', result: before });
    expect(command.started).toEqual(['2']);
    expect(statuses(execution)).toEqual({ 1: 'skipped', 3: 'skipped', 2: 'ok' });
    expect(events.filter(({ type }) => type === 'task.skipped')).toMatchObject([
      { task: '1', host: 'a' },
      { task: '3', host: 'b' },
    ]);
  });

  it('tells what happens, in order', async () => {
    const { events } = await execute(
      [aStage('one', [work('a', '1a')])],
      new FakeCommand({ '1a': () => ({ result: 'linked', data: { files: 3 } }) }),
    );
    expect(events.map(({ at, ...event }) => event)).toMatchObject([
      { type: 'stage.started', stage: 'one', tasks: 1 },
      { type: 'task.started', task: '1a', stage: 'one', host: 'a' },
      { type: 'task.finished', task: '1a', result: 'linked', data: { files: 3 } },
      { type: 'stage.finished', stage: 'one', ok: 1, failed: 0 },
    ]);
  });
});

describe('initializePlan()', () => {
  const plan: Plan = aPlan([aStage('one', [[work('a', '1'), work('a', '2')], work('b', '3')])]);

  it('validates every task and does none', async () => {
    const command = new FakeCommand();
    await initializePlan(plan, new Map([['work', command]]), {} as never);
    expect(command.initialized).toEqual(['1', '2', '3']);
    expect(command.started).toEqual([]);
  });

  it('names a command that does not exist, and those that do', async () => {
    await expect(
      initializePlan(
        aPlan([aStage('one', [aTask('explode', 'a')])]),
        new Map([['work', new FakeCommand()]]),
        {} as never,
      ),
    ).rejects.toMatchObject({
      code: 'plan_invalid',
      message: 'Cannot run the task "explode@a": there is no command "explode"',
      hint: 'Known: work',
    });
  });
});

describe('describeTask()', () => {
  it('asks the command', () => {
    expect(describeTask(new Map([['work', new FakeCommand()]]), work('a'))).toBe('do work@a');
  });
});
