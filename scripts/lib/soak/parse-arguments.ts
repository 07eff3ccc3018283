import { parseOptions } from '../program/parse-options.ts';
import { UsageError } from '../usage-error.ts';

export interface SoakRequest {
  readonly pushes: number;
  readonly hosts: number;
  readonly seed: number;
  readonly directory: string | undefined;
  readonly keep: boolean;
}

/** How to call the script. */
export const USAGE = `Usage: soak [options]

Pushes random changes to throw-away SSH hosts, one push after the other, while random things go wrong: processes killed and
stopped, hosts lost, files tampered with. A last push is left in peace; then every host must hold the same bytes, nothing may
be left over anywhere, and the program must need no more memory than at the beginning. Prints a line for each push.

  --pushes N  how many (default 200)
  --hosts N   SSH hosts on this machine (default 8)
  --seed N    decides changes and faults (default: another each time; it is printed)
  --dir DIR   work there instead of in a temporary directory; must be empty or absent
  --keep      keep that directory
`;

const OPTIONS = {
  pushes: { type: 'string', default: '200' },
  hosts: { type: 'string', default: '8' },
  seed: { type: 'string' },
  dir: { type: 'string' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseSoak(args: readonly string[], now = Date.now): SoakRequest | undefined {
  const values = parseOptions(args, OPTIONS);
  if (values.help) return undefined;
  return {
    pushes: parseCount('pushes', values.pushes, 100_000),
    hosts: parseCount('hosts', values.hosts, 100),
    seed: values.seed === undefined ? (now() % 1_000_000) + 1 : parseCount('seed', values.seed, 2 ** 32),
    directory: values.dir,
    keep: values.keep,
  };
}

function parseCount(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= most) return value;
  throw new UsageError(`Cannot use "${text}" for --${name}: wanted a whole number from 1 to ${most}`, 'See --help');
}
