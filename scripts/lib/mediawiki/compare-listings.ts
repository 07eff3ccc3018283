import type { TreeEntry, TreeListing } from './list-tree.ts';

/** Describes every difference between two listings, one sentence each, in the order of the paths. */
export function compareListings(expected: TreeListing, found: TreeListing): string[] {
  const paths = [...new Set([...expected.keys(), ...found.keys()])].sort();
  return paths.flatMap((path) => {
    const difference = describeDifference(expected.get(path), found.get(path));
    return difference === undefined ? [] : [`${JSON.stringify(path)} ${difference}`];
  });
}

function describeDifference(expected: TreeEntry | undefined, found: TreeEntry | undefined): string | undefined {
  if (expected === undefined) return `is there, a ${found?.kind ?? ''}; it should not be`;
  if (found === undefined) return `is missing; it should be a ${expected.kind}`;
  if (expected.kind !== found.kind) return `is a ${found.kind}; it should be a ${expected.kind}`;
  if (expected.mode !== found.mode) return `has mode ${octal(found.mode)}; it should have ${octal(expected.mode)}`;
  if (expected.hash === found.hash && expected.sizeBytes === found.sizeBytes) return undefined;
  const sizes = `${found.sizeBytes} instead of ${expected.sizeBytes} bytes`;
  return `has ${expected.kind === 'link' ? 'another target' : 'other bytes'} (${sizes})`;
}

/** Counts a listing: `70,123 files (812.3 MB), 51 links, 9,876 directories`. The root is not counted. */
export function describeListing(listing: TreeListing): string {
  const counts = { file: 0, link: 0, directory: -1, other: 0 };
  let bytes = 0;
  for (const { kind, sizeBytes } of listing.values()) {
    counts[kind]++;
    if (kind === 'file') bytes += sizeBytes;
  }
  const number = (value: number) => value.toLocaleString('en-US');
  const others = counts.other === 0 ? '' : `, ${number(counts.other)} others`;
  const files = `${number(counts.file)} files (${(bytes / 1e6).toFixed(1)} MB)`;
  return `${files}, ${number(counts.link)} links, ${number(counts.directory)} directories${others}`;
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
