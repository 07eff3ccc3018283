import { parseOptions } from '../../program/parse-options.ts';
import { parseCount } from '../parse-arguments.ts';
import { parseHostCounts, REPORT_USAGE, type ReportRequest, reportOptions, toReportRequest } from '../table-bench.ts';
import type { Pace } from './simulated-session.ts';

export interface SimulatedRequest extends ReportRequest {
  /** Sizes of fleets, measured one after the other. */
  readonly hostCounts: readonly number[];
  /** One-file pushes at each size; the first push is made once. */
  readonly runs: number;
  readonly pace: Pace;
  /** Processes that host the agents. */
  readonly simulators: number;
  /** Where to leave a CPU profile of each push; `undefined` for none. */
  readonly profile: string | undefined;
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
${REPORT_USAGE}`;

const OPTIONS = {
  simulated: { type: 'boolean' },
  hosts: { type: 'string', default: '100,1000,5000' },
  runs: { type: 'string', default: '2' },
  delay: { type: 'string', default: '1' },
  notices: { type: 'string', default: '4' },
  rtt: { type: 'string', default: '0' },
  simulators: { type: 'string', default: '1' },
  profile: { type: 'string' },
  ...reportOptions,
} as const;

/** What a range in `scap.yaml` may stand for. */
const maxHosts = 10_000;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseSimulatedBench(args: readonly string[]): SimulatedRequest | undefined {
  const values = parseOptions(args, OPTIONS, 'See --simulated --help');
  if (values.help) return undefined;
  return {
    hostCounts: parseHostCounts(values.hosts, maxHosts),
    runs: parseCount('runs', values.runs),
    pace: {
      delayMs: parseAmount('delay', values.delay),
      notices: parseAmount('notices', values.notices),
      roundTripMs: parseAmount('rtt', values.rtt),
    },
    simulators: parseCount('simulators', values.simulators),
    profile: values.profile,
    ...toReportRequest(values),
  };
}

function parseAmount(name: string, text: string): number {
  return text === '0' ? 0 : parseCount(name, text);
}
