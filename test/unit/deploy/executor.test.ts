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
  options: {
    done?: Readonly<Record<string, TaskResult>>;
    signal?: AbortSignal;
    onEvent?: (event: ScapEvent) => void;
  } = {},
) {
  const events: ScapEvent[] = [];
  const bus = createEventBus();
  bus.listen((event) => events.push(event));
  if (options.onEvent) bus.listen(options.onEvent);
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

  describe('stages of one group', () => {
    const promote = (stage: string, hosts: readonly string[], rest: Partial<PlanStage>) =>
      aStage(
        stage,
        hosts.map((host) => work(host, `p${host}`)),
        rest,
      );
    const fetching = (hosts: readonly string[], failureBudget: number, rest: Partial<PlanStage> = {}) =>
      aStage(
        'fetch',
        hosts.map((host) => work(host, `f${host}`)),
        { failureBudget, ...rest },
      );
    const batches = (failureBudget: number, rest: Partial<PlanStage> = {}) => [
      promote('rest 1/3', ['a', 'b'], { group: 'rest', failureBudget, ...rest }),
      promote('rest 2/3', ['c', 'd'], { group: 'rest', failureBudget, ...rest }),
      promote('rest 3/3', ['e', 'f'], { group: 'rest', failureBudget, ...rest }),
    ];

    it('[B31] share their budget: exactly met, all batches are promoted', async () => {
      const { execution, command } = await execute(batches(2), new FakeCommand({ pa: fails(), pc: fails() }));
      expect(execution.failure).toBeUndefined();
      expect(command.started).toEqual(['pa', 'pb', 'pc', 'pd', 'pe', 'pf']);
      expect([...execution.dropped.keys()]).toEqual(['a', 'c']);
    });

    it('[B31] [I9] share their budget: just exceeded, what runs ends and later batches and groups do not begin', async () => {
      let release: () => void = () => {};
      const gate = new Promise<undefined>((resolve) => {
        release = () => resolve(undefined);
      });
      const command = new FakeCommand({
        pa: fails(),
        pc: () => {
          setTimeout(release, 5);
          return fails()();
        },
        pd: () => gate,
      });
      const last = promote('last', ['x'], { group: 'last', failureBudget: 1 });
      const { execution } = await execute([...batches(1), last], command);
      expect(execution.failure).toMatchObject({
        stage: 'rest 2/3',
        error: {
          code: 'run_failed',
          message: 'Cannot go on with group "rest": 2 of 6 hosts failed, 1 allowed',
          data: { hosts: ['a', 'c'] },
        },
      });
      expect(statuses(execution)).toEqual({ pa: 'failed', pb: 'ok', pc: 'failed', pd: 'ok' });
    });

    it('[B31] what a group has lost does not count against another', async () => {
      const first = promote('first', ['x', 'y'], { group: 'first', failureBudget: 1 });
      const { execution, command } = await execute(
        [first, ...batches(1)],
        new FakeCommand({ px: fails(), pb: fails() }),
      );
      expect(execution.failure).toBeUndefined();
      expect(command.started).toHaveLength(8);
    });

    it('[B31] a group that has lost too many stops the fetching, though the other groups could lose more', async () => {
      const hosts = ['x', 'a', 'b', 'c', 'd', 'e', 'f'];
      const stages = [
        fetching(hosts, 5, { concurrency: 2 }),
        promote('promote:canary', ['x'], { group: 'canary', failureBudget: 0 }),
        ...batches(5),
      ];
      const { execution, command } = await execute(stages, new FakeCommand({ fx: fails('target_unreachable') }));
      expect(execution.failure).toMatchObject({
        stage: 'promote:canary',
        error: { message: 'Cannot go on with "promote:canary": x failed, 0 allowed', data: { hosts: ['x'] } },
      });
      expect(command.started).not.toContain('fd');
      expect(command.started.some((id) => id.startsWith('p'))).toBe(false);
      expect(command.ended.sort()).toEqual([...command.started].sort());
    });

    it('[B31] hosts lost while fetching count once, together with those lost while promoting', async () => {
      const hosts = ['a', 'b', 'c', 'd', 'e', 'f'];
      const within = await execute([fetching(hosts, 2), ...batches(2)], new FakeCommand({ fe: fails(), pa: fails() }));
      expect(within.execution.failure).toBeUndefined();
      expect(within.command.started).toContain('pf');
      const past = await execute([fetching(hosts, 1), ...batches(1)], new FakeCommand({ fe: fails(), pa: fails() }));
      expect(past.execution.failure).toMatchObject({ stage: 'rest 1/3', error: { data: { hosts: ['e', 'a'] } } });
      expect(past.command.started).not.toContain('pc');
    });

    it('starts every task of a batch before the first of them has ended', async () => {
      const hosts = Array.from({ length: 300 }, (_, at) => `h${at}`);
      const command = new FakeCommand();
      await execute([promote('all', hosts, { group: 'all', concurrency: 300 })], command);
      expect(command.mostRunning).toBe(300);
    });

    it('soaks after a batch while more is to be promoted, and tells so', async () => {
      const after = aStage('record', [work(undefined, 'record')]);
      const { events } = await execute([...batches(0, { soakMs: 1 }), after], new FakeCommand());
      const told = events.flatMap((event) =>
        event.type === 'soak.started'
          ? [`${event.stage} soaks ${event.durationMs}`]
          : event.type === 'stage.started' || event.type === 'stage.finished'
            ? [`${event.stage} ${event.type.slice('stage.'.length)}`]
            : [],
      );
      expect(told).toEqual([
        'rest 1/3 started',
        'rest 1/3 finished',
        'rest 1/3 soaks 1',
        'rest 2/3 started',
        'rest 2/3 finished',
        'rest 2/3 soaks 1',
        'rest 3/3 started',
        'rest 3/3 finished',
        'record started',
        'record finished',
      ]);
    });

    it('starts nothing before the soak is over', async () => {
      const { events } = await execute(batches(0, { soakMs: 50 }), new FakeCommand());
      const at = (type: ScapEvent['type'], stage: string) =>
        events.find((event) => event.type === type && 'stage' in event && event.stage === stage)?.at ?? Number.NaN;
      // A timer may be early by the part of a millisecond that Date.now() cuts off.
      expect(at('task.started', 'rest 2/3') - at('soak.started', 'rest 1/3')).toBeGreaterThanOrEqual(49);
    });

    it('does not soak after a batch that failed', async () => {
      const { events, execution } = await execute(batches(0, { soakMs: 60_000 }), new FakeCommand({ pa: fails() }));
      expect(execution.failure).toMatchObject({ stage: 'rest 1/3' });
      expect(events.some(({ type }) => type === 'soak.started')).toBe(false);
    });

    it('[B36] an interrupt ends the soak at once, and nothing more is promoted', async () => {
      const stop = new AbortController();
      const command = new FakeCommand();
      const startedAt = Date.now();
      const executing = execute(batches(0, { soakMs: 60_000 }), command, {
        signal: stop.signal,
        onEvent: ({ type }) => {
          if (type === 'soak.started') setImmediate(() => stop.abort());
        },
      });
      const { execution } = await executing;
      expect(Date.now() - startedAt).toBeLessThan(30_000);
      expect(execution).toMatchObject({ interrupted: true, failure: undefined });
      expect(statuses(execution)).toEqual({ pa: 'ok', pb: 'ok' });
    });
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
