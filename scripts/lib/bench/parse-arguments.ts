import { parseOptions } from '../program/parse-options.ts';
import { UsageError } from '../usage-error.ts';

/** The parts of a run, in the order they are measured. */
export const jobNames = ['first', 'no-change', 'one-file', 'back-to-back', 'many-files', 'rollback'] as const;

export type JobName = (typeof jobNames)[number];

export interface BenchRequest {
  readonly fileCount: number;
  readonly totalBytes: number;
  readonly versionCount: number;
  /** Measurements of each job. */
  readonly runs: number;
  /** Measurements of the first push: each writes the tree twelve times. */
  readonly firstRuns: number;
  /** Files edited by the large push. */
  readonly manyCount: number;
  readonly jobs: readonly JobName[];
  /** Numbers of files at which rollback is measured in addition. */
  readonly rollbackSizes: readonly number[];
  readonly directory: string | undefined;
  readonly keep: boolean;
  readonly json: boolean;
  /** Where to write the report as Markdown. */
  readonly markdown: string | undefined;
}

/** How to call the script. */
export const USAGE = `Usage: bench [options]
       bench --fleet [options], see bench --fleet --help
       bench --trees [options], see bench --trees --help
       bench --seeding [options], see bench --seeding --help
       bench --simulated [options], see bench --simulated --help
       bench --growth [options], see bench --growth --help

Measures scap next to what stock tools take for the same work on this machine: three local targets, one staging tree, one
file system. Prints a table, peak memory and the expectations with the numbers they are judged by. Nothing is asserted.

  --files N            files in the staging tree (default 70000)
  --bytes B            their size, with K, M, G (default: 12K for each file, so 800M for 70000)
  --versions V         php-* directories (default 3)
  --runs R             measurements of each job (default 3)
  --first-runs R       measurements of the first push, which takes the most space (default: as --runs, at most 2)
  --many K             files of the large push (default 2000, at most a quarter of the tree)
  --only NAME          measure only this job; repeatable: ${jobNames.join(', ')}
  --rollback-sizes A,B measure rollback also at these numbers of files
  --json               print one JSON document instead of tables
  --markdown FILE      also write the tables to FILE
  --dir DIR            work there instead of in a temporary directory; must be empty or absent
  --keep               keep that directory
`;

const OPTIONS = {
  files: { type: 'string', default: '70000' },
  bytes: { type: 'string' },
  versions: { type: 'string', default: '3' },
  runs: { type: 'string', default: '3' },
  'first-runs': { type: 'string' },
  many: { type: 'string' },
  only: { type: 'string', multiple: true },
  'rollback-sizes': { type: 'string' },
  json: { type: 'boolean', default: false },
  markdown: { type: 'string' },
  dir: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Of a file, unless sizes are given. */
export const MEAN_BYTES = 12_000;
const MANY = 2000;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseBench(args: readonly string[]): BenchRequest | undefined {
  const values = parseOptions(args, OPTIONS);
  if (values.help) return undefined;
  const fileCount = parseCount('files', values.files);
  const runs = parseCount('runs', values.runs);
  const manyCount = Math.min(parseCount('many', values.many ?? String(MANY)), Math.floor(fileCount / 4));
  return {
    fileCount,
    totalBytes: values.bytes === undefined ? fileCount * MEAN_BYTES : parseBytes(values.bytes),
    versionCount: parseCount('versions', values.versions),
    runs,
    firstRuns: values['first-runs'] === undefined ? Math.min(runs, 2) : parseCount('first-runs', values['first-runs']),
    manyCount,
    jobs: parseJobs(values.only ?? []),
    rollbackSizes: (values['rollback-sizes']?.split(',') ?? []).map((text) => parseCount('rollback-sizes', text)),
    directory: values.dir,
    keep: values.keep,
    json: values.json,
    markdown: values.markdown,
  };
}

function parseJobs(names: readonly string[]): readonly JobName[] {
  const unknown = names.find((name) => !jobNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot measure "${unknown}": there is no such job`, `Known: ${jobNames.join(', ')}`);
  }
  return names.length === 0 ? jobNames : jobNames.filter((name) => names.includes(name));
}

/** Parses a number of things. @throws UsageError unless it is a whole number from 1 to ten millions. */
export function parseCount(name: string, text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= 10_000_000) return value;
  throw new UsageError(`Cannot use "${text}" for --${name}: wanted a whole number from 1`, `Try --${name} 3`);
}

/** Parses a size: `800M`. @throws UsageError */
export function parseBytes(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([KMG]?)$/i.exec(text);
  const scale = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(match?.[2] ?? '').toUpperCase()] ?? 1;
  const value = Math.round(Number(match?.[1]) * scale);
  if (match !== null && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new UsageError(`Cannot use "${text}" for --bytes: wanted a size`, 'Try --bytes 800M');
}
