/**
 * What git cannot store of a tree: empty directories and restrictive modes. It travels inside the revision as
 * `.scap/manifest.json`, present only when there is something to say, and is applied when a revision is made on a target.
 *
 * The rule for modes: on a target nothing is more permissive than in staging, nor than 0644 (0755 for executables and
 * directories). Only what differs from 0644 and 0755 after that rule is listed.
 */
import { type BytePath, compareBytes, fromEncodedPath, isWithin, toEncodedPath } from './byte-path.ts';
import { ScapError } from './errors.ts';

/** The reserved name at the root of every revision. */
export const reservedName = '.scap';
export const manifestPath: BytePath = `${reservedName}/manifest.json`;

/** File types git knows, as it writes them in trees. */
export const gitMode = { file: 0o100644, executable: 0o100755, symlink: 0o120000, directory: 0o040000 } as const;

export interface Manifest {
  readonly emptyDirectories: ReadonlySet<BytePath>;
  /** Permission bits of files and directories whose bits are not the ordinary ones. */
  readonly modes: ReadonlyMap<BytePath, number>;
}

export const emptyManifest: Manifest = { emptyDirectories: new Set(), modes: new Map() };

/** The permission bits a file has on a target, given its `st_mode` in staging. */
export function targetFileMode(stMode: number): number {
  return stMode & (stMode & 0o100 ? 0o755 : 0o644);
}

/** The permission bits a directory has on a target, given its `st_mode` in staging. */
export function targetDirectoryMode(stMode: number): number {
  return stMode & 0o755;
}

/** The permission bits git's mode alone stands for. */
export function ordinaryMode(mode: number): number {
  return mode === gitMode.file ? 0o644 : 0o755;
}

/** Encodes deterministically (same manifest, same bytes), or returns `undefined` when there is nothing to say. */
export function encodeManifest(manifest: Manifest): Buffer | undefined {
  if (manifest.emptyDirectories.size === 0 && manifest.modes.size === 0) return undefined;
  const emptyDirectories = [...manifest.emptyDirectories].sort(compareBytes).map(toEncodedPath);
  const modes = [...manifest.modes]
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([path, bits]) => [toEncodedPath(path), bits.toString(8).padStart(4, '0')]);
  return Buffer.from(
    `${JSON.stringify({ version: 1, emptyDirectories, modes: Object.fromEntries(modes) }, null, 1)}\n`,
  );
}

/** Tells whether two manifests say the same. */
export function isSameManifest(a: Manifest, b: Manifest): boolean {
  if (a.emptyDirectories.size !== b.emptyDirectories.size || a.modes.size !== b.modes.size) return false;
  for (const path of a.emptyDirectories) if (!b.emptyDirectories.has(path)) return false;
  for (const [path, bits] of a.modes) if (b.modes.get(path) !== bits) return false;
  return true;
}

/** Decodes what {@link encodeManifest} wrote. Throws `repository_damaged` on anything else: a revision is untrusted until parsed. */
export function decodeManifest(bytes: Buffer | undefined): Manifest {
  if (bytes === undefined) return emptyManifest;
  try {
    const { version, emptyDirectories, modes } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    if (version !== 1 || !Array.isArray(emptyDirectories) || typeof modes !== 'object' || modes === null)
      throw new TypeError();
    return {
      emptyDirectories: new Set(emptyDirectories.map((path) => safePath(path))),
      modes: new Map(Object.entries(modes).map(([path, bits]) => [path === '' ? '' : safePath(path), safeBits(bits)])),
    };
  } catch (cause) {
    throw new ScapError(
      'repository_damaged',
      `Cannot read ${manifestPath} of the revision: not a manifest this version knows`,
      { cause },
    );
  }
}

/** The manifest of `base` with everything at or below `paths` taken from `other` instead. */
export function graftManifest(base: Manifest, other: Manifest, paths: readonly BytePath[]): Manifest {
  const inside = (path: BytePath) => paths.some((root) => isWithin(path, root));
  return {
    emptyDirectories: new Set([
      ...[...base.emptyDirectories].filter((path) => !inside(path)),
      ...[...other.emptyDirectories].filter(inside),
    ]),
    modes: new Map([
      ...[...base.modes].filter(([path]) => !inside(path)),
      ...[...other.modes].filter(([path]) => inside(path)),
    ]),
  };
}

function safePath(path: unknown): BytePath {
  if (typeof path !== 'string') throw new TypeError('not a path');
  const bytes = fromEncodedPath(path);
  if (bytes.split('/').some((part) => part === '' || part === '.' || part === '..') || bytes.includes('\0')) {
    throw new TypeError(`unsafe path ${JSON.stringify(path)}`);
  }
  return bytes;
}

function safeBits(bits: unknown): number {
  if (typeof bits !== 'string' || !/^0[0-7]{3}$/.test(bits)) throw new TypeError('not permission bits');
  return Number.parseInt(bits, 8);
}
