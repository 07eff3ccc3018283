import type { HostName } from '../../core/host-name.ts';
import type { EventBus } from '../../events/event.ts';
import type { Host } from '../../inventory/host.ts';
import type { Plan, Task } from '../../plan/plan.ts';
import type { DeployRepository } from '../../revision/deploy-repository.ts';
import type { AgentNotice } from '../../transport/protocol.ts';
import type { BundleStore } from '../bundle-store.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { Neighbours } from '../distribution/neighbours.ts';
import type { Fleet } from '../fleet.ts';

/** What commands may look at before anything runs. */
export interface CommandWorld {
  readonly repository: DeployRepository;
  readonly hosts: ReadonlyMap<HostName, Host>;
  readonly timeouts: { readonly fetchMs: number; readonly promoteMs: number; readonly finalizeMs: number };
}

/** What commands work with while a plan runs. */
export interface RunContext extends CommandWorld {
  readonly plan: Plan;
  /** The run's number. */
  readonly fence: number;
  /** Tells it from another run of the same number, by another deploy host. */
  readonly id: string;
  readonly reason: string;
  readonly adopt: boolean;
  readonly fleet: Fleet;
  readonly bundles: BundleStore;
  readonly distributor: Distributor;
  readonly neighbours: Neighbours;
  readonly bus: EventBus;
  readonly signal: AbortSignal;
}

export interface TaskResult {
  /** A word or two for people. */
  readonly result: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** How a running task tells about itself. */
export type Notify = (notice: AgentNotice) => void;

/**
 * A verb that tasks may name. Subclass it and register it to give plans a new verb.
 *
 * `initialize` validates a task against the world and must have no side effect: `--dry-run` does it for every task. `execute` does the work,
 * under the run's lock; throwing fails the task.
 */
export abstract class Command<A = unknown> {
  abstract readonly name: string;

  /** Parses a task's arguments. Throws `plan_invalid`. */
  abstract parse(task: Task): A;

  /** One line for people. */
  abstract describe(args: A, task: Task): string;

  async initialize(_world: CommandWorld, _args: A, _task: Task): Promise<void> {}

  abstract execute(run: RunContext, args: A, task: Task, notify: Notify): Promise<TaskResult>;
}

export type CommandRegistry = ReadonlyMap<string, Command>;
