/**
 * Selectors name hosts: `mw1001`, `mw10*`, `mw[1001:1010]`, `site=eqiad` (the value may be a pattern), `!mw1003` to leave out.
 * Several, separated by commas, select what any of them names, less what is left out; with only `!` ones, less than all.
 */
import { ScapError } from '../core/errors.ts';
import { nearestWord } from '../core/nearest-word.ts';
import { expandRange } from './host-range.ts';

/** What a selector looks at. */
export interface Selectable {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SelectorProblem {
  readonly kind: 'malformed' | 'unmatched';
  readonly message: string;
  /** A host or label that may be meant. */
  readonly suggestion?: string | undefined;
}

export interface Selection<T> {
  readonly hosts: readonly T[];
  readonly problems: readonly SelectorProblem[];
}

/**
 * Returns the hosts that `selector` names, each once, in the order of `hosts`.
 *
 * Throws `usage` when it is malformed, and `host_unknown` when one of its parts, or the whole, names no host: a typo in a
 * list must not quietly narrow it.
 */
export function selectHosts<T extends Selectable>(hosts: readonly T[], selector: string): readonly T[] {
  const { hosts: selected, problems } = matchSelector(hosts, selector);
  if (problems.length === 0) return selected;
  const messages = [...new Set(problems.map(({ message }) => message))].join('; ');
  const suggestion = problems.find((problem) => problem.suggestion !== undefined)?.suggestion;
  const isMalformed = problems.some(({ kind }) => kind === 'malformed');
  throw new ScapError(
    isMalformed ? 'usage' : 'host_unknown',
    `Cannot select hosts by ${JSON.stringify(selector)}: ${messages}`,
    {
      hint: suggestion === undefined ? 'See what there is with: scap hosts list' : `Did you mean "${suggestion}"?`,
      data: { selector },
    },
  );
}

/** As {@link selectHosts}, with the problems as values. */
export function matchSelector<T extends Selectable>(hosts: readonly T[], selector: string): Selection<T> {
  const terms = selector.split(',').map((term) => term.trim());
  const problems: SelectorProblem[] = [];
  const named = new Set<T>();
  const leftOut = new Set<T>();
  for (const term of terms) {
    const isNegative = term.startsWith('!');
    const found = matchTerm(hosts, isNegative ? term.slice(1).trim() : term);
    if ('kind' in found) problems.push(found);
    else for (const host of found) (isNegative ? leftOut : named).add(host);
  }
  const onlyNegative = terms.every((term) => term.startsWith('!'));
  const selected = hosts.filter((host) => (onlyNegative || named.has(host)) && !leftOut.has(host));
  if (problems.length === 0 && selected.length === 0) {
    problems.push({ kind: 'unmatched', message: 'it leaves out every host it names' });
  }
  return { hosts: selected, problems };
}

function matchTerm<T extends Selectable>(hosts: readonly T[], term: string): readonly T[] | SelectorProblem {
  if (term === '') return { kind: 'malformed', message: 'a part of it is empty' };
  const expanded = expandRange(term);
  if ('problem' in expanded) return { kind: 'malformed', message: `${JSON.stringify(term)}: ${expanded.problem}` };
  const texts = expanded.expansions.map(({ text }) => text);
  const isMatch = term.includes('=') ? labelMatcher(texts) : nameMatcher(texts);
  const found = hosts.filter(isMatch);
  if (found.length > 0) return found;
  const suggestion = nearestWord(term, term.includes('=') ? labelTerms(hosts) : hosts.map(({ name }) => name));
  return { kind: 'unmatched', message: `no host matches ${JSON.stringify(term)}`, suggestion };
}

function nameMatcher(patterns: readonly string[]): (host: Selectable) => boolean {
  const names = new Set(patterns.filter((pattern) => !isGlob(pattern)));
  const globs = patterns.filter(isGlob).map(toGlob);
  return ({ name }) => names.has(name) || globs.some((glob) => glob.test(name));
}

function labelMatcher(terms: readonly string[]): (host: Selectable) => boolean {
  const wanted = terms.map((term) => {
    const equals = term.indexOf('=');
    return { key: term.slice(0, equals).trim(), glob: toGlob(term.slice(equals + 1).trim()) };
  });
  return ({ labels }) => wanted.some(({ key, glob }) => Object.hasOwn(labels, key) && glob.test(labels[key] ?? ''));
}

function labelTerms(hosts: readonly Selectable[]): Set<string> {
  return new Set(hosts.flatMap(({ labels }) => Object.entries(labels).map(([key, value]) => `${key}=${value}`)));
}

function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** `*` stands for any characters, `?` for one; everything else for itself. */
function toGlob(text: string): RegExp {
  const source = text.replace(/\*+|[^*]/gu, (part) => {
    if (part.startsWith('*')) return '.*';
    return part === '?' ? '.' : part.replace(/[\\^$.|+()[\]{}/]/, '\\$&');
  });
  return new RegExp(`^${source}$`, 'su');
}
