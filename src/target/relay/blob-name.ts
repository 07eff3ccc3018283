import { ScapError } from '../../core/errors.ts';

/** What a blob is called everywhere: its content, and how much there is of it. */
export interface BlobName {
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

export function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** Parses what another machine calls a blob; drops all it does not know. Throws `protocol_violation`. */
export function parseBlobName(value: unknown): BlobName {
  const { sha256, sizeBytes } = (value ?? {}) as Record<string, unknown>;
  if (isSha256(sha256) && Number.isSafeInteger(sizeBytes) && (sizeBytes as number) >= 0)
    return { sha256, sizeBytes: sizeBytes as number };
  throw new ScapError('protocol_violation', 'Cannot use the name of a blob: expected "sha256" and "sizeBytes"');
}

/** The form people read. */
export function shortBlobName({ sha256 }: BlobName): string {
  return sha256.slice(0, 12);
}
