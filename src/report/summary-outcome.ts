import { formatDuration } from '../core/duration.ts';
import { shortSha } from '../core/sha.ts';
import type { Tone } from './style.ts';
import type { RunFacts } from './summary-facts.ts';
import { countOf, formatCount, formatHostCounts } from './wording.ts';

/** Plans of these kinds do not aim at a live revision. */
const keepsLive: ReadonlySet<string> = new Set(['clean', 'repair', 'verify']);

/** The first sentence of the summary, without a full stop. "Live" is said only of hosts that reported to serve the revision. */
export function describeOutcome(facts: RunFacts): { readonly tone: Tone; readonly text: string } {
  const took = formatDuration(facts.durationMs);
  const revision = shortSha(facts.revision);
  const attempt = `${facts.kind.charAt(0).toUpperCase()}${facts.kind.slice(1)} of revision ${revision}`;
  switch (facts.outcome) {
    case 'ok':
      return { tone: 'good', text: describeSuccess(facts) };
    case 'partial':
      return { tone: 'warn', text: `Revision ${revision} is ${reach(facts, 'only ')}${states(facts)} after ${took}` };
    case 'failed':
      return { tone: 'error', text: `${attempt} failed after ${took}: ${whereLive(facts)}${states(facts)}` };
    case 'rolled-back':
      return {
        tone: 'error',
        text: `${attempt} failed after ${took}${wentBack(facts)}: ${whereLive(facts)}${states(facts)}`,
      };
    case 'not-rolled-back':
      return {
        tone: 'error',
        text: `${attempt} failed after ${took} and was NOT rolled back: ${whereLive(facts)}${states(facts)}`,
      };
    case 'interrupted': {
      const by = facts.interruptedBy === undefined ? '' : ` by ${facts.interruptedBy}`;
      return {
        tone: 'warn',
        text: `${attempt} was interrupted${by} after ${took}: ${whereLive(facts)}${states(facts)}`,
      };
    }
    case 'aborted':
      return { tone: 'error', text: `${attempt} was aborted after ${took}: ${whereLive(facts)}${states(facts)}` };
    case undefined:
      return { tone: 'error', text: `${attempt} has no recorded end: ${whereLive(facts)}${states(facts)}` };
  }
}

/** For a command that found every host as it should be and started no run; `leftOut` hosts were not looked at. */
export function formatNothingToDo(revision: string, hostCount: number, leftOut = 0): string {
  const where = leftOut === 0 ? allHosts(hostCount) : countOf(hostCount, 'host');
  const rest = leftOut === 0 ? '' : ` (${formatCount(leftOut)} left out by --limit)`;
  return `Nothing to do: revision ${shortSha(revision)} is already live on ${where}${rest}`;
}

function describeSuccess(facts: RunFacts): string {
  const { counts, hosts, kind, liveOn, revision } = facts;
  const took = formatDuration(facts.durationMs);
  if (keepsLive.has(kind)) {
    const leftOut = leftOutText(facts);
    const rest = leftOut === '' ? '' : ` (${leftOut})`;
    return `Run ${facts.n} (${kind}): ok on ${countOf(hosts.length, 'host')}${rest} in ${took}`;
  }
  if (kind !== 'prepare' && counts.promoted === 0 && hosts.length > 0 && liveOn.length === hosts.length) {
    const leftOut = leftOutText(facts);
    const where = leftOut === '' ? allHosts(hosts.length) : `${countOf(hosts.length, 'host')} (${leftOut})`;
    return `Revision ${shortSha(revision)} was live on ${where} already; run ${facts.n} checked that in ${took}`;
  }
  return `Revision ${shortSha(revision)} is ${reach(facts)}${states(facts)} in ${took}`;
}

/** How far the revision came: `live on 3 of 3 hosts`. */
function reach({ kind, hosts, liveOn }: RunFacts, only = ''): string {
  const of = `of ${countOf(hosts.length, 'host')}`;
  if (kind !== 'prepare') return `live on ${liveOn.length === 0 ? '' : only}${formatCount(liveOn.length)} ${of}`;
  const ready = hosts.filter(
    ({ host, fetched, state }) => liveOn.includes(host) || state === 'unchanged' || (fetched && state !== 'failed'),
  );
  return `fetched, not promoted, on ${only}${formatCount(ready.length)} ${of}`;
}

function whereLive({ promoteStarted, hosts, liveOn, unknownOn }: RunFacts): string {
  if (!promoteStarted) return 'no host was promoted';
  const unknown = unknownOn.length === 0 ? '' : `, unknown on ${formatCount(unknownOn.length)}`;
  return `it is live on ${formatCount(liveOn.length)} of ${countOf(hosts.length, 'host')}${unknown}`;
}

function wentBack({ counts }: RunFacts): string {
  return counts['rolled-back'] === 0 ? '' : ' and was rolled back';
}

function states(facts: RunFacts): string {
  const parts = [formatHostCounts(facts.counts), leftOutText(facts)].filter((text) => text !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** `7 left out by --limit`; a seed is for the hosts it names, whatever its options. */
function leftOutText({ leftOut, kind }: RunFacts): string {
  if (leftOut.length === 0) return '';
  return `${formatCount(leftOut.length)} left out${kind === 'seed' ? '' : ' by --limit'}`;
}

function allHosts(count: number): string {
  return count === 1 ? 'the one host' : `all ${formatCount(count)} hosts`;
}
