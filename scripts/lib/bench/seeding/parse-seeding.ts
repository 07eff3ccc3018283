import { parseArgs } from 'node:util';
import { UsageError } from '../../usage-error.ts';
import { parseBytes, parseCount } from '../parse-arguments.ts';

export interface SeedingRequest {
  readonly hostCounts: readonly number[];
  /** Of the staging tree, which does not compress. */
  readonly totalBytes: number;
  /** Of every host's link and of this machine's to all of them, in megabits per second. */
  readonly megabits: number;
  readonly directory: string | undefined;
  readonly json: boolean;
  /** Where to write the report as Markdown. */
  readonly markdown: string | undefined;
}

export const SEEDING_USAGE = `Usage: bench --seeding [options]

Measures how long new hosts take to get everything, on throw-away SSH hosts in network namespaces of this machine (scripts/fleet) whose
links are shaped, as is this machine's own link to all of them together. Beside it one rsync per host, all at once. Needs root.

  --hosts A,B,C    numbers of hosts (default 1,4,15,31)
  --bytes B        what each host is to get, with K, M, G (default 150M)
  --rate M         of each link, in megabits per second (default 100)
  --json           print one JSON document instead of tables
  --markdown FILE  also write the tables to FILE
  --dir DIR        work there instead of in a temporary directory; must be empty or absent
`;

const OPTIONS = {
  seeding: { type: 'boolean' },
  hosts: { type: 'string', default: '1,4,15,31' },
  bytes: { type: 'string', default: '150M' },
  rate: { type: 'string', default: '100' },
  json: { type: 'boolean', default: false },
  markdown: { type: 'string' },
  dir: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const maxHosts = 100;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseSeedingBench(args: readonly string[]): SeedingRequest | undefined {
  const values = parseOptions(args);
  if (values.help) return undefined;
  return {
    hostCounts: values.hosts.split(',').map(parseHosts),
    totalBytes: parseBytes(values.bytes),
    megabits: parseCount('rate', values.rate),
    directory: values.dir,
    json: values.json,
    markdown: values.markdown,
  };
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split('. ')[0] ?? message, 'See --seeding --help');
  }
}

function parseHosts(text: string): number {
  const count = parseCount('hosts', text);
  if (count <= maxHosts) return count;
  throw new UsageError(`Cannot measure ${count} hosts on one machine: at most ${maxHosts}`, 'Try --hosts 31');
}
