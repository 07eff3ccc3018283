import { isSha, type Sha } from '../../core/sha.ts';
import type { Task } from '../../plan/plan.ts';
import { timeNow } from '../../transport/clock-relation.ts';
import { switchMoment } from '../switch-moment.ts';
import type { CommandWorld, Notify, RunContext, TaskResult } from './command.ts';
import { requireRevision } from './fetch.ts';
import { HostCommand, invalidTask } from './host-command.ts';

interface PromoteArguments {
  /** `null`: serve nothing. */
  readonly revision: Sha | null;
  /** When serving nothing: what this run moved aside returns. */
  readonly putBack: string | undefined;
  /** What the host does with the promotion when it loses the deploy host before `confirm`. */
  readonly onControllerLoss: 'keep' | 'revert';
}

/**
 * Switches a host's live path, at the moment all hosts of its stage do. Its result says by the deploy host's clock when the request went out and when the answer came.
 */
export class PromoteCommand extends HostCommand<PromoteArguments> {
  readonly name: string = 'promote';

  parse(task: Task): PromoteArguments {
    const { revision } = task;
    const putBack = typeof task.putBack === 'string' ? task.putBack : undefined;
    const onControllerLoss = task.onControllerLoss === 'revert' ? 'revert' : 'keep';
    if (revision === null || isSha(revision)) return { revision, putBack, onControllerLoss };
    throw invalidTask(
      task,
      `"revision" should be 40 hex digits or null and is ${JSON.stringify(revision) ?? 'missing'}`,
    );
  }

  describe({ revision }: PromoteArguments, task: Task): string {
    return revision === null
      ? `take the live path of ${task.host} away`
      : `promote revision ${revision.slice(0, 12)} on ${task.host}`;
  }

  override async initialize(world: CommandWorld, args: PromoteArguments, task: Task): Promise<void> {
    await super.initialize(world, args, task);
    if (args.revision !== null) requireRevision(world, args.revision);
  }

  async execute(
    run: RunContext,
    { revision, putBack, onControllerLoss }: PromoteArguments,
    task: Task,
    notify: Notify,
  ): Promise<TaskResult> {
    const moment = switchMoment(run.plan, task, timeNow());
    const connection = await this.connect(run, task);
    const { offsetMs } = connection.clock;
    const timing = moment && offsetMs !== undefined && { at: moment.at + offsetMs, quietMs: moment.quietMs };
    const sentAt = timeNow();
    const answer = await this.runStageOver(
      connection,
      run,
      { revision, adopt: run.adopt, onControllerLoss, ...timing, ...(putBack !== undefined && { putBack }) },
      { timeoutMs: run.timeouts.promoteMs, notify },
    );
    const data = { ...answer, sentAt, receivedAt: timeNow() };
    if (typeof answer.movedAside === 'string') {
      notify({
        kind: 'note',
        code: 'live.moved-aside',
        message: `What stood at the live path is now at "${answer.movedAside}"`,
      });
    }
    return { result: answer.changed === false ? 'was live already' : 'live', data };
  }
}
