/** How the files of two revisions differ, for `--dry-run` and `scap show`. */
import { formatBytes } from '../core/bytes.ts';
import type { DifferenceCounts } from '../events/event.ts';
import { formatDifferenceCounts } from './describe-event.ts';
import { toOneLine } from './plain-text.ts';
import { createStyle, type Style, type Tone } from './style.ts';
import { countOf, formatCount } from './wording.ts';

export interface DifferenceEntry {
  /** For people: already converted from bytes to text. */
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'removed';
  readonly oldBytes: number;
  readonly newBytes: number;
  /** Path of the nested checkout that the file belongs to; absent or empty when it belongs to none. */
  readonly checkout?: string | undefined;
}

export interface DifferenceFormat {
  /** How many files are shown, spread over the checkouts. */
  readonly limit: number;
  readonly colour: boolean;
}

interface Checkout {
  readonly path: string;
  readonly entries: readonly DifferenceEntry[];
}

const marks = { added: '+', changed: '~', removed: '-' } as const;
const tones: Readonly<Record<DifferenceEntry['kind'], Tone>> = { added: 'good', changed: 'warn', removed: 'error' };

/**
 * Formats totals, then the files checkout by checkout, at most `limit` of them: a checkout with many changes does not hide the others.
 * What is not shown is counted. Without nested checkouts there is no grouping.
 */
export function formatDifference(entries: readonly DifferenceEntry[], { limit, colour }: DifferenceFormat): string[] {
  if (entries.length === 0) return ['No difference'];
  const style = createStyle(colour);
  const checkouts = groupByCheckout(entries);
  const shares = shareLimit(checkouts, Math.max(0, limit));
  const lines = [totalsLine(entries)];
  if (checkouts.length === 1 && checkouts[0]?.path === '') return [...lines, ...fileLines(entries, limit, style)];
  const shown = checkouts.filter((_, i) => (shares[i] ?? 0) > 0);
  for (const [i, checkout] of checkouts.entries()) {
    if ((shares[i] ?? 0) === 0) continue;
    lines.push(
      style(
        'strong',
        `${checkout.path === '' ? '(no checkout)' : toOneLine(checkout.path)}: ${countsText(checkout.entries)}`,
      ),
    );
    lines.push(...fileLines(checkout.entries, shares[i] ?? 0, style));
  }
  const hidden = checkouts.filter((checkout) => !shown.includes(checkout));
  const files = hidden.reduce((sum, checkout) => sum + checkout.entries.length, 0);
  return hidden.length === 0
    ? lines
    : [...lines, `… and ${countOf(hidden.length, 'more checkout')} (${countOf(files, 'file')})`];
}

/** Counts differences and the size of all that was added or changed. */
export function countDifferences(entries: readonly DifferenceEntry[]): DifferenceCounts {
  const count = (wanted: DifferenceEntry['kind']) => entries.filter(({ kind }) => kind === wanted).length;
  const bytes = entries.reduce((sum, { kind, newBytes }) => sum + (kind === 'removed' ? 0 : newBytes), 0);
  return { added: count('added'), changed: count('changed'), removed: count('removed'), bytes };
}

function totalsLine(entries: readonly DifferenceEntry[]): string {
  const growth = entries.reduce((sum, { oldBytes, newBytes }) => sum + newBytes - oldBytes, 0);
  const sign = growth > 0 ? '+' : '';
  return `${countOf(entries.length, 'file')}: ${countsText(entries)} to store (${growth === 0 ? 'same size' : sign + formatBytes(growth)} in all)`;
}

function countsText(entries: readonly DifferenceEntry[]): string {
  return formatDifferenceCounts(countDifferences(entries));
}

function groupByCheckout(entries: readonly DifferenceEntry[]): Checkout[] {
  const groups = new Map<string, DifferenceEntry[]>();
  for (const entry of entries) {
    const path = entry.checkout ?? '';
    const group = groups.get(path);
    if (group === undefined) groups.set(path, [entry]);
    else group.push(entry);
  }
  return [...groups].map(([path, group]) => ({ path, entries: group })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Deals `limit` lines out, one to each checkout in turn, until they or the files are used up. */
function shareLimit(checkouts: readonly Checkout[], limit: number): number[] {
  const shares = checkouts.map(() => 0);
  for (let left = limit; left > 0; ) {
    const wanting = checkouts.flatMap(({ entries }, i) => (entries.length > (shares[i] ?? 0) ? [i] : []));
    if (wanting.length === 0) break;
    for (const i of wanting.slice(0, left)) shares[i] = (shares[i] ?? 0) + 1;
    left -= Math.min(left, wanting.length);
  }
  return shares;
}

function fileLines(entries: readonly DifferenceEntry[], limit: number, style: Style): string[] {
  const lines = entries
    .slice(0, limit)
    .map(
      (entry) => `  ${style(tones[entry.kind], `${marks[entry.kind]} ${toOneLine(entry.path)}`)}  ${sizeText(entry)}`,
    );
  const more = entries.length - lines.length;
  return more > 0 ? [...lines, `  … and ${formatCount(more)} more`] : lines;
}

function sizeText({ kind, oldBytes, newBytes }: DifferenceEntry): string {
  if (kind === 'added') return formatBytes(newBytes);
  if (kind === 'removed') return `was ${formatBytes(oldBytes)}`;
  return oldBytes === newBytes
    ? `${formatBytes(newBytes)}, same size`
    : `${formatBytes(oldBytes)} to ${formatBytes(newBytes)}`;
}
