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
