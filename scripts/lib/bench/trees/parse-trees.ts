import { parseOptions } from '../../program/parse-options.ts';
import { UsageError } from '../../usage-error.ts';
import { MEAN_BYTES, parseCount } from '../parse-arguments.ts';
import { REPORT_USAGE, type ReportRequest, reportOptions, toReportRequest } from '../table-bench.ts';

/** What `bench --trees` measures. */
export interface TreesRequest extends ReportRequest {
  /** Sizes of the tree, in files, at which a revision is made on a target. */
  readonly revisionSizes: readonly number[];
  /** Sizes at which the staging tree is flattened. */
  readonly flattenSizes: readonly number[];
  /** Numbers of files that change; the larger trees see only the first. */
  readonly changes: readonly number[];
  readonly meanBytes: number;
  /** Measurements of each kind but of the first import. */
  readonly runs: number;
}

export const TREES_USAGE = `Usage: bench --trees [options]

Measures the two ends of a push by themselves, next to stock tools doing the same: flattening the staging tree into a revision, and
making a revision on a target that has its objects. No network, one target. OSTree is measured when it is installed.

  --revisions A,B  sizes of the tree for revisions on a target (default 70000,140000; 0 for none)
  --flatten A,B    sizes of the tree for flattening (default 70000,185000; 0 for none)
  --changes A,B,C  files that change (default 1,100,10000; at the larger sizes only the first)
  --runs R         measurements of each kind (default 3); a first import is made once
${REPORT_USAGE}`;

const OPTIONS = {
  trees: { type: 'boolean' },
  revisions: { type: 'string', default: '70000,140000' },
  flatten: { type: 'string', default: '70000,185000' },
  changes: { type: 'string', default: '1,100,10000' },
  runs: { type: 'string', default: '3' },
  ...reportOptions,
} as const;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseTreesBench(args: readonly string[]): TreesRequest | undefined {
  const values = parseOptions(args, OPTIONS, 'See --trees --help');
  if (values.help) return undefined;
  const changes = parseList('changes', values.changes);
  const request = {
    revisionSizes: parseList('revisions', values.revisions),
    flattenSizes: parseList('flatten', values.flatten),
    changes,
    meanBytes: MEAN_BYTES,
    runs: parseCount('runs', values.runs),
    ...toReportRequest(values),
  };
  const smallest = Math.min(...request.revisionSizes, ...request.flattenSizes);
  if (Math.max(...changes) * 4 <= smallest || smallest === Number.POSITIVE_INFINITY) return request;
  throw new UsageError(
    `Cannot change ${Math.max(...changes)} of ${smallest} files: at most a quarter`,
    'Lower --changes, or raise --revisions and --flatten',
  );
}

function parseList(name: string, text: string): number[] {
  return text === '0' ? [] : text.split(',').map((item) => parseCount(name, item));
}
