import { join } from 'node:path';
import type { Sha } from '../core/sha.ts';

/** Where things lie on a target; the only file that knows. */
export interface TargetLayout {
  readonly cache: string;
  /** The symbolic link that is served. */
  readonly live: string;
  readonly repo: string;
  readonly revs: string;
  readonly meta: string;
  /** Everything unfinished or thrown away; safe to delete at any time. */
  readonly work: string;
  readonly state: string;
  readonly lock: string;
  /** When scap itself changed the ctime of files; see `ctime-windows`. */
  readonly ctimeWindows: string;
  revision(sha: Sha): string;
  /** Says that `revision(sha)` is complete; written last. */
  marker(sha: Sha): string;
  /** Git index with the stat data the revision's files were made with. */
  index(sha: Sha): string;
  /** A transferred bundle, by the SHA-256 of its bytes. */
  bundle(sha256: string): string;
  /** A large bundle, whatever carried it, by the SHA-256 of its bytes, once it is whole; see `relay/blob-file` for where it lies before. */
  blob(sha256: string): string;
}

export function createTargetLayout(cache: string, live: string): TargetLayout {
  const meta = join(cache, 'meta');
  const revs = join(cache, 'revs');
  const work = join(cache, 'work');
  return {
    cache,
    live,
    repo: join(cache, 'repo.git'),
    revs,
    meta,
    work,
    state: join(cache, 'state.json'),
    lock: join(cache, 'lock'),
    ctimeWindows: join(cache, 'ctime-windows.json'),
    revision: (sha) => join(revs, sha),
    marker: (sha) => join(meta, `${sha}.json`),
    index: (sha) => join(meta, `${sha}.index`),
    bundle: (sha256) => join(work, `bundle-${sha256}`),
    blob: (sha256) => join(work, `blob-${sha256}`),
  };
}
