/**
 * Agents that were shipped to this host lie side by side, one per version. Each keeps itself and takes away those that nobody
 * has used for a day: a deploy host is updated, and nobody would ever tidy up after the old version.
 */
import { readdirSync, statSync, unlinkSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Longer than any run: an agent must not lose its file while another of the same version may still be started from it. */
const unusedLifetimeMs = 24 * 60 * 60_000;

const shippedName = /^agent-[0-9a-f]{64}\.mjs$/;
const leftoverName = /^agent-.+\.(mjs|part.*)$/;

/** Notes on the file itself that the agent at `path` is in use. Does nothing when it was not shipped. Never fails. */
export function keepShippedAgent(path: string | undefined, now = new Date()): void {
  if (path === undefined || !shippedName.test(basename(path))) return;
  try {
    utimesSync(path, now, now);
  } catch {
    // Somebody else's directory; then tidying it is not our business either.
  }
}

/** Removes the other shipped agents beside `path`, and halves of them, that nobody has used for a day. Never fails. */
export function sweepShippedAgents(path: string | undefined, now = new Date()): void {
  if (path === undefined || !shippedName.test(basename(path))) return;
  for (const name of listSiblings(path)) {
    if (name === basename(path) || !leftoverName.test(name)) continue;
    const other = join(dirname(path), name);
    try {
      if (now.getTime() - statSync(other).mtimeMs > unusedLifetimeMs) unlinkSync(other);
    } catch {
      // Another agent sweeps at the same time, or it is not ours to remove.
    }
  }
}

function listSiblings(path: string): string[] {
  try {
    return readdirSync(dirname(path));
  } catch {
    return [];
  }
}
