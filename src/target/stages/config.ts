import { numberParam, Stage, type StageParams } from './stage.ts';

export interface ConfigResult {
  /** How many files were rendered. */
  readonly rendered: number;
}

/** Renders configuration into the revision's own area. The stock stage has nothing to render and says so. */
export class ConfigStage extends Stage<StageParams, ConfigResult> {
  readonly name: string = 'config';

  parse(params: Readonly<Record<string, unknown>>): StageParams {
    return { fence: numberParam(params, 'fence') };
  }

  async run(): Promise<ConfigResult> {
    return { rendered: 0 };
  }
}
