import { parseArgs } from 'node:util';
import { toUsageError } from '../program/parse-options.ts';
import { UsageError } from '../usage-error.ts';
import { leastFileCount, type TreeRequest } from './generate-tree.ts';

/** What `make-staging` was asked to do. */
export type MakeStagingRequest =
  | { readonly verb: 'help' }
  | { readonly verb: 'mutate'; readonly directory: string; readonly count: number; readonly seed: string }
  | { readonly verb: 'generate'; readonly directory: string; readonly nestedGit: boolean; readonly tree: TreeRequest };

/** How to call the script. */
export const USAGE = `Usage: make-staging --files N --bytes B [--versions V] [--seed S] [--nested-git] OUTDIR
       make-staging --mutate K [--seed S] DIR

Writes a large staging tree of MediaWiki's shape, the same bytes for the same arguments;
or edits K files of an existing tree and prints their paths as JSON lines
(the same seed edits the same files in the same way: use another seed for another change).

  --files N      number of regular files, exactly (.git directories are not counted)
  --bytes B      sum of their sizes, about; suffixes K, M, G (powers of 1024)
  --versions V   number of php-* directories (default 2)
  --seed S       any text (default 1)
  --nested-git   make a few extensions real git checkouts
  --mutate K     edit K files of DIR instead
`;

const OPTIONS = {
  files: { type: 'string' },
  bytes: { type: 'string' },
  versions: { type: 'string' },
  seed: { type: 'string' },
  mutate: { type: 'string' },
  'nested-git': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const LEAST_MEAN_BYTES = 256;

/** Parses the arguments. @throws UsageError for anything missing, unknown or impossible. */
export function parseMakeStaging(args: readonly string[]): MakeStagingRequest {
  const { values, positionals } = parseOptions(args);
  if (values.help === true) return { verb: 'help' };
  const [directory, ...more] = positionals;
  if (directory === undefined || directory === '' || more.length > 0) {
    const found = `found ${String(positionals.length)}`;
    throw new UsageError(`Cannot tell which directory is meant: ${found}, wanted exactly one`, 'See --help');
  }
  const seed = values.seed ?? '1';
  if (values.mutate === undefined) {
    return { verb: 'generate', directory, nestedGit: values['nested-git'] === true, tree: parseTree(values, seed) };
  }
  const clash = (['files', 'bytes', 'versions', 'nested-git'] as const).find((name) => values[name] !== undefined);
  if (clash !== undefined) {
    throw new UsageError(`Cannot combine --mutate with --${clash}`, 'Generate first, mutate in a second call');
  }
  return { verb: 'mutate', directory, count: parseCount('mutate', values.mutate), seed };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw toUsageError(error);
  }
}

function parseTree(values: { files?: string; bytes?: string; versions?: string }, seed: string): TreeRequest {
  if (values.files === undefined || values.bytes === undefined) {
    throw new UsageError('Cannot generate a tree without --files and --bytes', 'Try --files 7000 --bytes 80M OUTDIR');
  }
  const fileCount = parseCount('files', values.files);
  const versionCount = parseCount('versions', values.versions ?? '2');
  const totalBytes = parseBytes(values.bytes);
  const least = leastFileCount(versionCount);
  if (fileCount < least) {
    const wanted = `${String(versionCount)} versions need at least ${String(least)}`;
    throw new UsageError(
      `Cannot make a tree of ${String(fileCount)} files: ${wanted}`,
      'Raise --files or lower --versions',
    );
  }
  if (totalBytes < fileCount * LEAST_MEAN_BYTES) {
    const wanted = `${String(fileCount)} files need at least ${String(fileCount * LEAST_MEAN_BYTES)} bytes`;
    throw new UsageError(
      `Cannot make a tree of ${String(totalBytes)} bytes: ${wanted}`,
      'Raise --bytes or lower --files',
    );
  }
  return { fileCount, totalBytes, versionCount, seed };
}

function parseCount(name: string, text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= 100_000_000) return value;
  throw new UsageError(`Cannot use "${text}" for --${name}: wanted a whole number from 1`, `Try --${name} 100`);
}

function parseBytes(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([KMG]?)$/i.exec(text);
  const scale = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[(match?.[2] ?? '').toUpperCase()] ?? 1;
  const value = Math.round(Number(match?.[1]) * scale);
  if (match !== null && value >= 1 && Number.isSafeInteger(value)) return value;
  throw new UsageError(`Cannot use "${text}" for --bytes: wanted a size`, 'Try --bytes 800M or --bytes 8G');
}
