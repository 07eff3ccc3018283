import { ConfigStage } from './config.ts';
import { FetchStage } from './fetch.ts';
import { FinalizeStage } from './finalize.ts';
import { PromoteStage } from './promote.ts';
import type { Stage } from './stage.ts';

export type StageRegistry = ReadonlyMap<string, Stage>;

/** The stock stages by name, in the order of a push. */
export function stockStages(): StageRegistry {
  const stages = [new FetchStage(), new ConfigStage(), new PromoteStage(), new FinalizeStage()];
  return new Map(stages.map((stage) => [stage.name, stage as unknown as Stage]));
}
