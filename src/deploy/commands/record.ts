import type { Sha } from '../../core/sha.ts';
import type { Task } from '../../plan/plan.ts';
import { deployRef, liveRef } from '../../revision/deploy-repository.ts';
import { Command, type CommandWorld, type RunContext, type TaskResult } from './command.ts';
import { requireRevision } from './fetch.ts';
import { revisionOf } from './host-command.ts';

interface RecordArguments {
  readonly revision: Sha;
}

/** Records on the deploy host what should be live; stands after the last promotion, so a run that failed leaves the record as it was. */
export class RecordCommand extends Command<RecordArguments> {
  readonly name: string = 'record';

  parse(task: Task): RecordArguments {
    return { revision: revisionOf(task) };
  }

  describe({ revision }: RecordArguments): string {
    return `record that revision ${revision.slice(0, 12)} should be live`;
  }

  override async initialize(world: CommandWorld, { revision }: RecordArguments): Promise<void> {
    requireRevision(world, revision);
  }

  async execute({ repository, fence }: RunContext, { revision }: RecordArguments): Promise<TaskResult> {
    await repository.update(
      new Map([
        [liveRef, revision],
        [deployRef(fence), revision],
      ]),
    );
    return { result: 'recorded', data: { revision } };
  }
}
