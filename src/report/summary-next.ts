import { shortSha } from '../core/sha.ts';
import { quoteForShell } from '../core/shell-quote.ts';
import { hostArguments } from './host-list.ts';
import { withConfig } from './own-commands.ts';
import type { RunFacts } from './summary-facts.ts';
import { formatCount } from './wording.ts';

/** Something to paste, and what it is good for. */
export interface Suggestion {
  readonly command: string;
  readonly purpose: string;
}

/** What was typed to start the run: what is suggested must reach the same fleet. */
export interface Invocation {
  /** The value of `--config`. */
  readonly config?: string | undefined;
  /** The file of a plan that was run. */
  readonly savedPlan?: string | undefined;
}

/** What to do after a run that left anything open, the safest first; nothing after one that did all it should. */
export function suggestCommands(facts: RunFacts, { config, savedPlan }: Invocation): Suggestion[] {
  const found = [...trustKeys(facts), ...suggestByOutcome(facts)];
  const resumed = found.map((suggestion) =>
    savedPlan !== undefined && suggestion.command === `scap ${facts.kind}` && facts.outcome === 'interrupted'
      ? { ...suggestion, command: `scap run ${quoteForShell([savedPlan])} --resume` }
      : suggestion,
  );
  return resumed.map((suggestion) => ({ ...suggestion, command: withConfig(suggestion.command, config) }));
}

/** A host whose key is not known fails again, whatever else is tried. */
function trustKeys({ hosts }: RunFacts): Suggestion[] {
  const unknown = hosts
    .filter(({ error }) => error?.code === 'host_key_unknown' && error.data?.jump === undefined)
    .map(({ host }) => host);
  if (unknown.length === 0) return [];
  return [{ command: `scap hosts trust ${hostArguments(unknown)}`, purpose: 'see the new host keys and record them' }];
}

function suggestByOutcome(facts: RunFacts): Suggestion[] {
  const status = { command: 'scap status', purpose: 'see what every host serves' };
  switch (facts.outcome) {
    case 'ok':
      return facts.kind === 'prepare' ? [{ command: 'scap push', purpose: 'make the staging tree live' }] : [];
    case 'partial':
      return [status, ...catchUp(facts)];
    case 'rolled-back':
      return [status, ...tryAgain(facts, 'try again when the cause is gone')];
    case 'failed':
    case 'aborted':
      return [status, ...goBack(facts), ...tryAgain(facts, 'try again when the cause is gone')];
    case 'interrupted':
      return [status, ...tryAgain(facts, 'carry on'), ...goBack(facts)];
    case 'not-rolled-back':
    case undefined:
      return [status, ...goBack(facts), ...tryAgain(facts, 'or go forward when the cause is gone')];
  }
}

function catchUp(facts: RunFacts): Suggestion[] {
  const behind = facts.hosts.map(({ host }) => host).filter((host) => !facts.liveOn.includes(host));
  if (behind.length === 0) return [];
  const what = `bring the ${behind.length === 1 ? 'host' : `${formatCount(behind.length)} hosts`} that ${behind.length === 1 ? 'is' : 'are'} behind up`;
  if (facts.kind === 'prepare') return [{ command: 'scap prepare', purpose: 'fetch again where it is missing' }];
  // After anything but a whole push the staging tree may hold more than is live, and a limited run was not for every host.
  const isWholePush = facts.leftOut.length === 0 && !seededAfter.has(facts.kind);
  return [{ command: isWholePush ? 'scap push' : seedCommand(behind), purpose: what }];
}

const seededAfter: ReadonlySet<string> = new Set(['sync-file', 'rollback', 'seed']);

function seedCommand(hosts: readonly string[]): string {
  return `scap seed ${hostArguments(hosts)}`;
}

/** Names the revision: after a run that did not succeed, a bare `scap rollback` would go one further back. */
function goBack({ previous, revision, liveOn, unknownOn, promoteStarted }: RunFacts): Suggestion[] {
  const open = promoteStarted && liveOn.length + unknownOn.length > 0;
  if (!open || previous === null || previous === revision) return [];
  return [{ command: `scap rollback ${shortSha(previous)}`, purpose: 'go back to what was live before, everywhere' }];
}

function tryAgain({ kind, revision, hosts, leftOut }: RunFacts, purpose: string): Suggestion[] {
  if (kind === 'seed') return [{ command: seedCommand(hosts.map(({ host }) => host)), purpose }];
  // The selector is not known here, and without it the command would reach for every host.
  if (leftOut.length > 0) return [];
  switch (kind) {
    case 'push':
    case 'prepare':
      return [{ command: `scap ${kind}`, purpose }];
    case 'rollback':
      return [{ command: `scap rollback ${shortSha(revision)}`, purpose }];
    default:
      return [];
  }
}
