import { ScapError } from '../core/errors.ts';

/** Where a nested checkout of the staging tree stood when it was captured. */
export interface Checkout {
  /** Relative to staging, in the encoding of `toEncodedPath`; the root is the empty string. */
  readonly path: string;
  /** Commit id, absent in a repository without commits. */
  readonly head?: string;
  /** Absent when HEAD is detached. */
  readonly branch?: string;
  /** URL of the remote `origin` (or the only one), without user name and password. */
  readonly remote?: string;
  /** Whether files git tracks there differ from HEAD, or untracked ones exist. */
  readonly dirty: boolean;
  /** Why nothing more is known, when git could not read it. */
  readonly problem?: string;
}

/** What is remembered of a revision beside its tree. It never influences the tree. */
export interface RevisionRecord {
  readonly version: 1;
  readonly kind: string;
  readonly files: number;
  readonly bytes: number;
  readonly directories: number;
  /** What excludes left out, for `scap show`; encoded paths, at most some. */
  readonly excluded: { readonly count: number; readonly samples: readonly string[] };
  readonly checkouts: readonly Checkout[];
}

export function encodeRecord(record: RevisionRecord): Buffer {
  return Buffer.from(`${JSON.stringify(record, null, 1)}\n`);
}

/** Throws `repository_damaged` when `bytes` are not a record this version knows. */
export function decodeRecord(bytes: Buffer): RevisionRecord {
  try {
    const record = JSON.parse(bytes.toString('utf8')) as RevisionRecord;
    if (record.version === 1 && Array.isArray(record.checkouts) && Number.isInteger(record.files)) return record;
  } catch {
    // Falls through: told in one way.
  }
  throw new ScapError('repository_damaged', 'Cannot read the record of a revision: it is not one this version knows');
}
