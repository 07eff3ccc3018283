import { parseArgs } from 'node:util';
import { UsageError } from '../../usage-error.ts';
import { parseCount } from '../parse-arguments.ts';
import type { Pace } from './simulated-session.ts';

export interface SimulatedRequest {
  /** Sizes of fleets, measured one after the other. */
  readonly hostCounts: readonly number[];
  /** One-file pushes at each size; the first push is made once. */
  readonly runs: number;
  readonly pace: Pace;
  /** Processes that host the agents. */
  readonly simulators: number;
  /** Where to leave a CPU profile of each push; `undefined` for none. */
  readonly profile: string | undefined;
  readonly directory: string | undefined;
  readonly json: boolean;
  /** Where to write the report as Markdown. */
  readonly markdown: string | undefined;
}

export const SIMULATED_USAGE = `Usage: bench --simulated [options]

Measures what a fleet costs the deploy host: a real push, in a process of its own, to simulated hosts that speak the real
protocol over sockets but have no trees. Simulators run beside it, on the same cores.

  --hosts A,B,C    numbers of hosts (default 100,1000,5000)
  --runs R         one-file pushes at each size (default 2); the first push is made once
  --delay MS       how long a host takes for an answer, on average (default 1)
  --notices N      how many times a host tells how far its fetch is (default 4)
  --rtt MS         how far away hosts are: there and back (default 0)
  --simulators N   processes that host the agents (default 1)
  --profile DIR    leave a CPU profile of each push there
  --json           print one JSON document instead of tables
  --markdown FILE  also write the tables to FILE
  --dir DIR        work there instead of in a temporary directory; must be empty or absent
`;

const OPTIONS = {
  simulated: { type: 'boolean' },
  hosts: { type: 'string', default: '100,1000,5000' },
  runs: { type: 'string', default: '2' },
  delay: { type: 'string', default: '1' },
  notices: { type: 'string', default: '4' },
  rtt: { type: 'string', default: '0' },
  simulators: { type: 'string', default: '1' },
  profile: { type: 'string' },
  json: { type: 'boolean', default: false },
  markdown: { type: 'string' },
  dir: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** What a range in `scap.yaml` may stand for. */
const maxHosts = 10_000;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseSimulatedBench(args: readonly string[]): SimulatedRequest | undefined {
  const values = parseOptions(args);
  if (values.help) return undefined;
  return {
    hostCounts: values.hosts.split(',').map(parseHosts),
    runs: parseCount('runs', values.runs),
    pace: {
      delayMs: parseAmount('delay', values.delay),
      notices: parseAmount('notices', values.notices),
      roundTripMs: parseAmount('rtt', values.rtt),
    },
    simulators: parseCount('simulators', values.simulators),
    profile: values.profile,
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
    throw new UsageError(message.split(/[.\n]/)[0] ?? message, 'See --simulated --help');
  }
}

function parseAmount(name: string, text: string): number {
  return text === '0' ? 0 : parseCount(name, text);
}

function parseHosts(text: string): number {
  const count = parseCount('hosts', text);
  if (count <= maxHosts) return count;
  throw new UsageError(`Cannot simulate ${count} hosts: at most ${maxHosts}`, 'Try --hosts 5000');
}
