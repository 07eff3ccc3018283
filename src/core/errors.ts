/**
 * Expected failures and what they mean to the caller of the program.
 *
 * A `ScapError` is a stable code, a sentence for people and a hint. Everything else that escapes is a bug (exit 70).
 * The exit status is decided here and nowhere else: by the code, never by the text.
 */

/** Exit statuses of the program: a contract with scripts that call it. */
export const exitStatus = {
  ok: 0,
  partial: 1,
  usage: 2,
  config: 3,
  lockHeld: 4,
  rolledBack: 5,
  notRolledBack: 6,
  refused: 7,
  bug: 70,
  interrupted: 130,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

/** Every error code with its exit status when it ends a command. Codes are never renamed. */
const statusByCode = {
  // What the operator typed.
  usage: exitStatus.usage,
  revision_unknown: exitStatus.usage,
  revision_ambiguous: exitStatus.usage,
  path_unknown: exitStatus.usage,
  host_unknown: exitStatus.usage,
  run_unknown: exitStatus.usage,
  // Configuration and the machine it describes.
  config_invalid: exitStatus.config,
  config_missing: exitStatus.config,
  plan_invalid: exitStatus.config,
  plugin_invalid: exitStatus.config,
  tool_missing: exitStatus.config,
  permission_denied: exitStatus.config,
  staging_missing: exitStatus.config,
  // Somebody else is at work.
  lock_held: exitStatus.lockHeld,
  hold_placed: exitStatus.lockHeld,
  // Refused: carrying on could do harm.
  staging_changed: exitStatus.refused,
  staging_uncapturable: exitStatus.refused,
  staging_shrank: exitStatus.refused,
  staging_empty: exitStatus.refused,
  fence_stale: exitStatus.refused,
  world_moved: exitStatus.refused,
  live_foreign: exitStatus.refused,
  live_unknown_revision: exitStatus.refused,
  preflight_failed: exitStatus.refused,
  // Something broke on the way; nothing was promoted or all of it went back.
  disk_full: exitStatus.rolledBack,
  io_failed: exitStatus.rolledBack,
  process_failed: exitStatus.rolledBack,
  process_timeout: exitStatus.rolledBack,
  repository_damaged: exitStatus.rolledBack,
  bundle_damaged: exitStatus.rolledBack,
  blob_damaged: exitStatus.rolledBack,
  source_lost: exitStatus.rolledBack,
  source_refused: exitStatus.rolledBack,
  relay_unavailable: exitStatus.rolledBack,
  base_missing: exitStatus.rolledBack,
  revision_incomplete: exitStatus.rolledBack,
  revision_drifted: exitStatus.rolledBack,
  target_busy: exitStatus.rolledBack,
  target_unreachable: exitStatus.rolledBack,
  name_unknown: exitStatus.rolledBack,
  connection_refused: exitStatus.rolledBack,
  connect_timeout: exitStatus.rolledBack,
  handshake_lost: exitStatus.rolledBack,
  host_key_unknown: exitStatus.rolledBack,
  host_key_changed: exitStatus.rolledBack,
  host_key_refused: exitStatus.rolledBack,
  auth_refused: exitStatus.rolledBack,
  node_missing: exitStatus.rolledBack,
  node_too_old: exitStatus.rolledBack,
  agent_unusable: exitStatus.rolledBack,
  repository_unreachable: exitStatus.rolledBack,
  connection_lost: exitStatus.rolledBack,
  protocol_violation: exitStatus.rolledBack,
  request_timeout: exitStatus.rolledBack,
  check_failed: exitStatus.rolledBack,
  run_failed: exitStatus.rolledBack,
  rollback_failed: exitStatus.notRolledBack,
  drift_found: exitStatus.partial,
  hosts_behind: exitStatus.partial,
  interrupted: exitStatus.interrupted,
  bug: exitStatus.bug,
} as const satisfies Record<string, ExitStatus>;

export type ErrorCode = keyof typeof statusByCode;

export interface ErrorOptions {
  /** One imperative sentence, where possible with a command that can be pasted. */
  readonly hint?: string | undefined;
  /** Facts for machines; must be serialisable as JSON and free of secrets. */
  readonly data?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** An expected failure: a stable code, a sentence, a hint. */
export class ScapError extends Error {
  override readonly name = 'ScapError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.data = options.data ?? {};
  }
}

/** The serialisable form of an error, as it crosses the wire and stands in the event log. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Present for bugs only. */
  readonly stack?: string;
}

/** Returns the exit status a command ends with when `error` escapes it. */
export function toExitStatus(error: unknown): ExitStatus {
  const known = toScapError(error);
  return known === undefined ? exitStatus.bug : statusByCode[known.code];
}

/** Tells whether an error says that a host was never reached: nothing was asked of it, so nothing happened on it. */
export function isUnreachable(code: ErrorCode): boolean {
  return unreachable.has(code);
}

/** The state of a host that could not be used because of this error: one that has answered was reached, and failed. */
export function unusableState(code: ErrorCode): 'unreachable' | 'failed' {
  return isUnreachable(code) ? 'unreachable' : 'failed';
}

const unreachable: ReadonlySet<ErrorCode> = new Set([
  'target_unreachable',
  'name_unknown',
  'connection_refused',
  'connect_timeout',
  'handshake_lost',
  'host_key_unknown',
  'host_key_changed',
  'host_key_refused',
  'auth_refused',
]);

/** Tells whether `code` is one of ours; text from another version or machine may not be. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(statusByCode, code);
}

/** Turns anything thrown into its serialisable form. System errors (`ENOSPC`, `EACCES` …) are given their meaning. */
export function toErrorReport(error: unknown): ErrorReport {
  const known = toScapError(error);
  if (known === undefined) {
    const stack = error instanceof Error ? error.stack : undefined;
    return { code: 'bug', message: error instanceof Error ? error.message : String(error), ...(stack && { stack }) };
  }
  return {
    code: known.code,
    message: known.message,
    ...(known.hint !== undefined && { hint: known.hint }),
    ...(Object.keys(known.data).length > 0 && { data: known.data }),
  };
}

/** The inverse of {@link toErrorReport}. An unknown code (a newer peer) becomes `run_failed`, keeping the text. */
export function fromErrorReport(report: ErrorReport, cause?: unknown): ScapError {
  const code = isErrorCode(report.code) ? report.code : 'run_failed';
  return new ScapError(code, report.message, { hint: report.hint, data: report.data, cause });
}

/** Returns `error` as a `ScapError` when it is one or is a system error with a known meaning, else `undefined`. */
export function toScapError(error: unknown): ScapError | undefined {
  if (error instanceof ScapError) return error;
  if (!isSystemError(error)) return undefined;
  // `path` of these is what is linked to, or where a file comes from; what could not be made is `dest`.
  const path = error.dest ?? error.path;
  const where = path === undefined ? '' : ` "${path}"`;
  const what = `Cannot ${error.syscall ?? 'access'}${where}`;
  switch (error.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ScapError('disk_full', `${what}: no space left on the device`, {
        hint: 'Free disk space or inodes there, then run the same command again',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new ScapError('permission_denied', `${what}: ${systemErrorText(error.code)}`, {
        hint: 'Give the user that runs scap write access to that path (see docs/operations.md, "Permissions")',
        cause: error,
      });
    default:
      return new ScapError('io_failed', `${what}: ${systemErrorText(error.code)}`, { cause: error });
  }
}

function systemErrorText(code: string): string {
  const texts: Record<string, string> = {
    EACCES: 'permission denied',
    EPERM: 'operation not permitted',
    EROFS: 'the file system is read-only',
    ENOENT: 'no such file or directory',
    EEXIST: 'something of that name is there already',
    ENOTDIR: 'a component of the path is not a directory',
    EIO: 'input/output error',
    EMFILE: 'too many open files',
    ENAMETOOLONG: 'the name is too long',
  };
  return texts[code] ?? code;
}

export interface SystemError extends Error {
  readonly code: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly dest?: string;
}

/** Tells whether `error` came from a system call; with `code`, whether it is that errno (`isSystemError(e, 'ENOENT')`). */
export function isSystemError(error: unknown, ...codes: string[]): error is SystemError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  if (!/^E[A-Z0-9]+$/.test(error.code)) return false;
  return codes.length === 0 || codes.includes(error.code);
}
