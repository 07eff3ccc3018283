// For what only ordinary users are refused: root reads everything.
const nobody = 65_534;

/** Runs `work` as a user without rights of its own; as that user already when the tests do not run as root. */
export async function asUnprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  const group = process.getegid?.() ?? 0;
  process.setegid?.(nobody);
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(group);
  }
}

export const isRoot = process.geteuid?.() === 0;

/**
 * Puts before a command what takes root's rights over other people's modes from it, for good; nothing when there are none to take. Unlike
 * {@link asUnprivileged} it leaves it the owner of what root owns.
 */
export const withoutRights: readonly string[] = isRoot
  ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search,-fowner', '--']
  : [];
