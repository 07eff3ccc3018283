/** The last lines of a run: how it ended, what is live where, what to do next. Says nothing that the events do not prove. */
import { shortSha } from '../core/sha.ts';
import { formatFailures, groupFailures } from './group-failures.ts';
import { formatHosts } from './host-list.ts';
import { padText } from './plain-text.ts';
import type { Failure, HostView, RunState } from './run-view.ts';
import { createStyle, type Style } from './style.ts';
import { gatherFacts, type RunFacts } from './summary-facts.ts';
import { type Invocation, suggestCommands } from './summary-next.ts';
import { describeOutcome } from './summary-outcome.ts';
import { countOf } from './wording.ts';

const shownHosts = 20;

export interface SummaryOptions extends Invocation {
  readonly colour: boolean;
}

/**
 * Formats the summary of a run from its folded events; the empty string when no run started. No newline at the end.
 *
 * @see describeOutcome for the first sentence, suggestCommands for the last lines
 */
export function formatSummary(state: RunState, { colour, ...invocation }: SummaryOptions): string {
  if (state.run === undefined) return '';
  const style = createStyle(colour);
  const facts = gatherFacts(state, state.run);
  const { tone, text } = describeOutcome(facts);
  const sections = [
    [style(tone, text)],
    failureLines(state, facts, { style, config: invocation.config }),
    liveLines(facts),
    nextLines(facts, invocation, style),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

interface Told {
  readonly style: Style;
  readonly config: string | undefined;
}

/** Each error once, with everybody who met it, the commonest first. */
function failureLines({ failures, result }: RunState, { hosts }: RunFacts, { style, config }: Told): string[] {
  const ofHosts = hosts.flatMap(({ host, error }) => (error === null ? [] : [{ host, error }]));
  const told = new Set<string | null>(ofHosts.map(({ host }) => host));
  const rest = failures.filter(({ host }) => !told.has(host));
  const groups = groupFailures([...ofHosts, ...rest]).sort((a, b) => b.hosts.length - a.hosts.length);
  const ofRun: Failure[] = result?.error ? [{ host: null, stage: undefined, error: result.error }] : [];
  const hints = new Set([...ofHosts, ...rest].map(({ error }) => error.hint));
  const news = groupFailures(ofRun)
    .filter(({ message }) => groups.every((group) => group.message !== message))
    .map((group) => (hints.has(group.hint) ? { ...group, hint: undefined } : group));
  return formatFailures([...groups, ...news], style, config);
}

/** What is live where, unless every host serves what it should. */
function liveLines(facts: RunFacts): string[] {
  const groups = new Map<string | null, HostView[]>();
  for (const view of facts.hosts) {
    const key = view.live ?? (view.known ? 'nothing' : null);
    groups.set(key, [...(groups.get(key) ?? []), view]);
  }
  if (facts.hosts.length === 0 || (facts.outcome === 'ok' && groups.size === 1)) return [];
  const rows = [...groups].map(([live, views]) => ({
    name: liveName(live, facts),
    hosts: views.map(({ host }) => host),
  }));
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows
    .sort((a, b) => b.hosts.length - a.hosts.length)
    .map(
      ({ name, hosts }) =>
        `  ${padText(name, width)}  ${countOf(hosts.length, 'host')}: ${formatHosts(hosts, shownHosts)}`,
    );
  return ['What the hosts serve now:', ...lines];
}

function liveName(live: string | null, { revision, previous }: RunFacts): string {
  if (live === null) return 'unknown';
  if (live === 'nothing') return live;
  if (live === revision) return `${shortSha(live)} (this run)`;
  return live === previous ? `${shortSha(live)} (before)` : shortSha(live);
}

function nextLines(facts: RunFacts, invocation: Invocation, style: Style): string[] {
  const suggestions = suggestCommands(facts, invocation);
  const width = Math.max(0, ...suggestions.map(({ command }) => command.length));
  const lines = suggestions.map(({ command, purpose }) => `  ${style('strong', padText(command, width))}  ${purpose}`);
  return lines.length === 0 ? [] : ['What to do next:', ...lines];
}
