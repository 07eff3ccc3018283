import { type BytePath, fromEncodedPath, isWithin } from '../core/byte-path.ts';
import type { Checkout } from '../core/checkout.ts';
import { manifestPath } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import { readSizes } from '../git/object-reader.ts';
import { diffTrees } from '../git/raw-diff.ts';
import type { DeployRepository, Revision } from './deploy-repository.ts';

/** A file in which two revisions differ. Sizes are those of its content in bytes. */
export interface FileDifference {
  readonly path: BytePath;
  readonly kind: 'added' | 'changed' | 'removed';
  readonly oldBytes: number;
  readonly newBytes: number;
}

export interface DifferenceTotals {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** Size of everything added or changed. */
  readonly bytes: number;
}

export interface CheckoutDifference extends DifferenceTotals {
  /** Encoded path of the nested checkout; the empty string for what belongs to none. */
  readonly path: string;
  readonly before: Checkout | undefined;
  readonly after: Checkout | undefined;
}

export interface RevisionDifference {
  readonly from: Sha;
  readonly to: Sha;
  readonly files: readonly FileDifference[];
  readonly totals: DifferenceTotals;
  /** Nested checkouts with differing files or provenance, sorted by path. */
  readonly checkouts: readonly CheckoutDifference[];
}

const compared = new WeakMap<DeployRepository, Map<string, Promise<RevisionDifference>>>();

/** Compares two revisions; costs O(change), and nothing when it was asked before. */
export function diffRevisions(repository: DeployRepository, from: Revision, to: Revision): Promise<RevisionDifference> {
  const known = compared.get(repository) ?? new Map<string, Promise<RevisionDifference>>();
  compared.set(repository, known);
  const key = `${from.sha}..${to.sha}`;
  const difference = known.get(key) ?? compare(repository, from, to);
  known.set(key, difference);
  difference.catch(() => known.delete(key));
  return difference;
}

async function compare(repository: DeployRepository, from: Revision, to: Revision): Promise<RevisionDifference> {
  const changes = (await diffTrees(repository.git, from.sha, to.sha)).filter(({ path }) => path !== manifestPath);
  const sizes = await readSizes(
    repository.git,
    changes.flatMap((change) => [change.old, change.new].flatMap((side) => side?.oid ?? [])),
  );
  const files = changes.map((change) => ({
    path: change.path,
    kind: differenceKind(change),
    oldBytes: (change.old && sizes.get(change.old.oid)) ?? 0,
    newBytes: (change.new && sizes.get(change.new.oid)) ?? 0,
  }));
  return {
    from: from.sha,
    to: to.sha,
    files,
    totals: totalDifference(files),
    checkouts: groupByCheckout(files, from, to),
  };
}

/** Tells which of the three a change is. */
export function differenceKind(change: { readonly old: unknown; readonly new: unknown }): FileDifference['kind'] {
  if (change.old === undefined) return 'added';
  return change.new === undefined ? 'removed' : 'changed';
}

export function totalDifference(files: readonly Pick<FileDifference, 'kind' | 'newBytes'>[]): DifferenceTotals {
  const count = (kind: FileDifference['kind']) => files.filter((file) => file.kind === kind).length;
  const bytes = files.reduce((sum, file) => sum + file.newBytes, 0);
  return { added: count('added'), changed: count('changed'), removed: count('removed'), bytes };
}

function groupByCheckout(files: readonly FileDifference[], from: Revision, to: Revision): CheckoutDifference[] {
  const before = new Map(from.record.checkouts.map((checkout) => [checkout.path, checkout]));
  const after = new Map(to.record.checkouts.map((checkout) => [checkout.path, checkout]));
  // The longest path first: a file belongs to the innermost checkout.
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => b.length - a.length);
  const roots = paths.map((path) => [path, fromEncodedPath(path)] as const);
  const groups = new Map<string, FileDifference[]>();
  for (const file of files) {
    const owner = roots.find(([, root]) => isWithin(file.path, root))?.[0] ?? '';
    const group = groups.get(owner);
    if (group === undefined) groups.set(owner, [file]);
    else group.push(file);
  }
  const moved = paths.filter((path) => JSON.stringify(before.get(path)) !== JSON.stringify(after.get(path)));
  return [...new Set([...groups.keys(), ...moved])].sort().map((path) => ({
    path,
    before: before.get(path),
    after: after.get(path),
    ...totalDifference(groups.get(path) ?? []),
  }));
}
