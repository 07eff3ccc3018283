import type { PrepareOptions } from '../../../../src/deploy/prepare-revision.ts';

/** All of a staging tree, whatever became of it, by nobody in particular. */
export function captureOptions(staging: string, signal: AbortSignal): PrepareOptions {
  return {
    staging,
    exclude: [],
    maxShrinkRatio: undefined,
    kind: 'push',
    message: 'Bench',
    author: { user: 'bench', host: 'bench' },
    dryRun: false,
    signal,
  };
}
