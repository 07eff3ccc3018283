/**
 * Runs plans; nothing else does. Stages one after the other, the tasks of a stage at once within its limits, the tasks of a chain in order.
 *
 * A failed task costs its host: within the failure budgets of this stage and of those to come the host is left out from then on; past one of
 * them nothing new starts, what runs comes to its end, and the plan has failed. Failures are results here, never exceptions.
 */
import { ScapError, toErrorReport, toScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { settleAll } from '../core/settle-all.ts';
import { allTasks, type Plan, type PlanStage, type Task } from '../plan/plan.ts';
import type { AgentNotice } from '../transport/protocol.ts';
import { type BudgetJudge, createBudgetJudge, type StageFailure } from './budgets.ts';
import type { Command, CommandRegistry, CommandWorld, RunContext, TaskResult } from './commands/command.ts';
import { dueSoakMs, soak } from './soak.ts';

/** What became of a task. One that is missing from a run's results was never started. */
export type TaskOutcome =
  | { readonly status: 'ok'; readonly result: TaskResult }
  | { readonly status: 'failed'; readonly error: ScapError }
  /** An interrupted run of the same plan did it, with that result. */
  | { readonly status: 'skipped'; readonly result: TaskResult };

export interface Execution {
  readonly tasks: ReadonlyMap<string, TaskOutcome>;
  /** Why each host was left out. */
  readonly dropped: ReadonlyMap<HostName, ScapError>;
  /** The stage that failed, or that cannot succeed any more, and why. */
  readonly failure: StageFailure | undefined;
  readonly interrupted: boolean;
}

/** Checks every task of a plan without doing any of it. Throws the first thing that is wrong. */
export async function initializePlan(plan: Plan, commands: CommandRegistry, world: CommandWorld): Promise<void> {
  for (const stage of plan.stages) {
    for (const task of stage.tasks.flat() as Task[]) {
      const command = commandOf(commands, task);
      await command.initialize(world, command.parse(task), task);
    }
  }
}

/** One line for people on what a task will do. */
export function describeTask(commands: CommandRegistry, task: Task): string {
  const command = commandOf(commands, task);
  return command.describe(command.parse(task), task);
}

/** Runs a plan to its end or to its first failed stage. Tasks in `done` are skipped. */
export async function executePlan(
  plan: Plan,
  commands: CommandRegistry,
  run: RunContext,
  done: ReadonlyMap<string, TaskResult> = new Map(),
): Promise<Execution> {
  const state: ExecutionState = { tasks: new Map(), dropped: new Map() };
  for (const [at, stage] of plan.stages.entries()) {
    if (run.signal.aborted) break;
    const judge = createBudgetJudge(plan.stages, at);
    const failure = await new StageRun({ stage, commands, run, state, done, judge }).execute();
    if (run.signal.aborted) break;
    if (failure !== undefined) return { ...state, failure, interrupted: false };
    const isDone = ({ id }: Task) => done.has(id) || isWellEnded(state.tasks.get(id));
    await soak(run, stage.name, dueSoakMs({ stages: plan.stages, at, isDone, dropped: state.dropped }));
  }
  return { ...state, failure: undefined, interrupted: run.signal.aborted && !isFinished(plan, state) };
}

function isFinished(plan: Plan, { tasks }: ExecutionState): boolean {
  return allTasks(plan).every(({ id }) => isWellEnded(tasks.get(id)));
}

function isWellEnded(outcome: TaskOutcome | undefined): boolean {
  return outcome?.status === 'ok' || outcome?.status === 'skipped';
}

interface ExecutionState {
  readonly tasks: Map<string, TaskOutcome>;
  readonly dropped: Map<HostName, ScapError>;
}

interface StageRunOptions {
  readonly stage: PlanStage;
  readonly commands: CommandRegistry;
  readonly run: RunContext;
  readonly state: ExecutionState;
  readonly done: ReadonlyMap<string, TaskResult>;
  readonly judge: BudgetJudge;
}

class StageRun {
  readonly #stage: PlanStage;
  readonly #commands: CommandRegistry;
  readonly #run: RunContext;
  readonly #state: ExecutionState;
  readonly #done: ReadonlyMap<string, TaskResult>;
  readonly #judge: BudgetJudge;
  /** Aborts when nothing new may start any more. */
  readonly #stop = new AbortController();
  readonly #perHost = new Map<HostName, Promise<unknown>[]>();
  #failure: StageFailure | undefined;

  constructor({ stage, commands, run, state, done, judge }: StageRunOptions) {
    this.#stage = stage;
    this.#commands = commands;
    this.#run = run;
    this.#state = state;
    this.#done = done;
    this.#judge = judge;
  }

  /** Returns what failed, if anything did. */
  async execute(): Promise<StageFailure | undefined> {
    const { name, concurrency } = this.#stage;
    const chains = this.#stage.tasks.map((item) => (Array.isArray(item) ? (item as readonly Task[]) : [item as Task]));
    const startedAt = Date.now();
    this.#run.bus.emit('stage.started', { stage: name, tasks: chains.flat().length });
    const signal = AbortSignal.any([this.#stop.signal, this.#run.signal]);
    this.#stopIfHopeless();
    const settled = await settleAll(chains, { limit: concurrency, signal }, (chain) => this.#runChain(chain, signal));
    for (const item of settled) if (item.status === 'rejected') throw item.reason;
    const outcomes = chains.flat().map(({ id }) => this.#state.tasks.get(id)?.status);
    const count = (status: TaskOutcome['status']) => outcomes.filter((outcome) => outcome === status).length;
    this.#run.bus.emit('stage.finished', {
      stage: name,
      ok: count('ok'),
      failed: count('failed'),
      durationMs: Date.now() - startedAt,
    });
    // Asked again at the end, when all that failed have.
    return this.#failure ?? this.#judge(this.#state.dropped);
  }

  async #runChain(chain: readonly Task[], signal: AbortSignal): Promise<void> {
    for (const task of chain) {
      if (signal.aborted || (task.host !== undefined && this.#state.dropped.has(task.host))) return;
      const release = await this.#hostSlot(task.host);
      try {
        if (!signal.aborted && !(await this.#runTask(task))) return;
      } finally {
        release();
      }
    }
  }

  /** Waits until fewer than `concurrencyPerHost` tasks run on the host. */
  async #hostSlot(host: HostName | undefined): Promise<() => void> {
    if (host === undefined) return () => {};
    const running = this.#perHost.get(host) ?? [];
    this.#perHost.set(host, running);
    while (running.length >= this.#stage.concurrencyPerHost) await Promise.race(running);
    let free: () => void = () => {};
    const slot = new Promise<void>((resolve) => {
      free = resolve;
    });
    running.push(slot);
    return () => {
      void running.splice(running.indexOf(slot), 1);
      free();
    };
  }

  /** Tells whether the chain may go on. */
  async #runTask(task: Task): Promise<boolean> {
    const { bus } = this.#run;
    const about = { task: task.id, stage: this.#stage.name, host: task.host ?? null };
    const result = this.#done.get(task.id);
    if (result !== undefined) {
      this.#state.tasks.set(task.id, { status: 'skipped', result });
      bus.emit('task.skipped', { ...about, reason: 'done by the interrupted run' });
      return true;
    }
    const startedAt = Date.now();
    bus.emit('task.started', about);
    try {
      const command = commandOf(this.#commands, task);
      const done = await command.execute(this.#run, command.parse(task), task, (notice) => this.#notice(about, notice));
      this.#state.tasks.set(task.id, { status: 'ok', result: done });
      bus.emit('task.finished', { ...about, durationMs: Date.now() - startedAt, ...done });
      return true;
    } catch (thrown) {
      const error = toScapError(thrown) ?? asBug(thrown);
      this.#state.tasks.set(task.id, { status: 'failed', error });
      bus.emit('task.failed', { ...about, durationMs: Date.now() - startedAt, error: toErrorReport(error) });
      this.#fail(task, error);
      return false;
    }
  }

  #fail(task: Task, error: ScapError): void {
    if (task.host === undefined) {
      this.#failure ??= { stage: this.#stage.name, error };
      this.#stop.abort();
      return;
    }
    this.#state.dropped.set(task.host, error);
    this.#stopIfHopeless();
  }

  #stopIfHopeless(): void {
    if (!this.#stop.signal.aborted && this.#judge(this.#state.dropped) !== undefined) this.#stop.abort();
  }

  #notice(about: { task: string; stage: string; host: HostName | null }, notice: AgentNotice): void {
    const { kind, ...data } = notice;
    if (kind === 'progress')
      this.#run.bus.emit('task.progressed', {
        ...about,
        ...(data as Omit<Extract<AgentNotice, { kind: 'progress' }>, 'kind'>),
      });
    else if (about.host !== null)
      this.#run.bus.emit('host.noted', {
        host: about.host,
        ...(data as Omit<Extract<AgentNotice, { kind: 'note' }>, 'kind'>),
      });
  }
}

function commandOf(commands: CommandRegistry, task: Task): Command {
  const command = commands.get(task.command);
  if (command !== undefined) return command;
  throw new ScapError('plan_invalid', `Cannot run the task "${task.id}": there is no command "${task.command}"`, {
    hint: `Known: ${[...commands.keys()].join(', ')}`,
  });
}

function asBug(thrown: unknown): ScapError {
  return new ScapError('bug', thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
}
