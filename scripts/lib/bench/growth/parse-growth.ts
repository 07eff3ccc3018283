import { parseOptions } from '../../program/parse-options.ts';
import { UsageError } from '../../usage-error.ts';
import { MEAN_BYTES, parseCount } from '../parse-arguments.ts';
import { type ReportRequest, reportOptions, toReportRequest } from '../table-bench.ts';

/** What `bench --growth` measures. */
export interface GrowthRequest extends ReportRequest {
  /** Pushes of a small change, after a first push of the whole tree. */
  readonly pushes: number;
  readonly fileCount: number;
  readonly totalBytes: number;
  /** Retention: small, so that everything that is ever removed is removed many times. */
  readonly keepDeploys: number;
  readonly keepRevisions: number;
  /** Whether git commits and pushes the same changes beside scap. */
  readonly withGit: boolean;
}

/** Rows of the tables: so many stretches of equal length. */
export const stretchCount = 10;

export const GROWTH_USAGE = `Usage: bench --growth [options]

Pushes a small change again and again to three local targets and watches what grows: times, sizes, packs, objects, refs, logs. Beside it
git commits the same changes and pushes them to three bare repositories, with its own housekeeping. Says at the end what is not flat.

  --pushes N         pushes after the first one, a multiple of ${stretchCount} (default 500)
  --files N          files in the staging tree (default 2000)
  --keep-deploys N   keepDeploys of the deploy host (default 5)
  --keep-revisions N keepRevisions of the targets (default 3)
  --no-git           leave git out
  --json             print one JSON document instead of tables, with every push
  --markdown FILE    also write the tables to FILE
  --dir DIR          work there instead of in a temporary directory; must be empty or absent
`;

const OPTIONS = {
  growth: { type: 'boolean' },
  pushes: { type: 'string', default: '500' },
  files: { type: 'string', default: '2000' },
  'keep-deploys': { type: 'string', default: '5' },
  'keep-revisions': { type: 'string', default: '3' },
  'no-git': { type: 'boolean', default: false },
  ...reportOptions,
} as const;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseGrowthBench(args: readonly string[]): GrowthRequest | undefined {
  const values = parseOptions(args, OPTIONS, 'See --growth --help');
  if (values.help) return undefined;
  const pushes = parseCount('pushes', values.pushes);
  const fileCount = parseCount('files', values.files);
  const request = {
    pushes,
    fileCount,
    totalBytes: fileCount * MEAN_BYTES,
    keepDeploys: parseCount('keep-deploys', values['keep-deploys']),
    keepRevisions: parseCount('keep-revisions', values['keep-revisions']),
    withGit: !values['no-git'],
    ...toReportRequest(values),
  };
  if (pushes % stretchCount === 0 && request.keepDeploys >= 2 && request.keepRevisions >= 2) return request;
  if (pushes % stretchCount !== 0)
    throw new UsageError(
      `Cannot measure ${pushes} pushes: they are split into ${stretchCount} equal stretches`,
      `Try --pushes ${Math.ceil(pushes / stretchCount) * stretchCount}`,
    );
  throw new UsageError('Cannot keep fewer than two deploys or revisions', 'See --growth --help');
}
