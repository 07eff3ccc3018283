import type { Checkout } from '../core/checkout.ts';
import { ScapError } from '../core/errors.ts';

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
