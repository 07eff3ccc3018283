import { type BytePath, toDisplayPath } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import type { Uncapturable } from './walk.ts';

const shownPaths = 20;

/** Names every path that cannot be captured. */
export function uncapturable(found: readonly Uncapturable[]): ScapError {
  const names = found.map(({ path, reason }) => `${nameOf(path)} (${reason})`);
  return new ScapError('staging_uncapturable', `Cannot capture the staging tree: ${summarise(names)}`, {
    hint: 'Remove them, make them readable, or add them to "exclude" in scap.yaml',
    data: { paths: found.map(({ path, reason }) => ({ path: nameOf(path), reason })) },
  });
}

/** Names what moved while it was being read. */
export function stagingChanged(paths: readonly BytePath[]): ScapError {
  const names = paths.map(nameOf);
  return new ScapError(
    'staging_changed',
    `Cannot capture the staging tree: it changed while it was read: ${summarise(names)}`,
    {
      hint: 'Nothing was committed; run the same command again when nobody edits the staging tree',
      data: { paths: names },
    },
  );
}

/** A path below something that is a file in the live revision cannot be synchronised by itself. */
export function scopeConflict(path: BytePath): ScapError {
  const name = toDisplayPath(path);
  return new ScapError('usage', `Cannot synchronise only that path: "${name}" is a file in the live revision`, {
    hint: `Name "${name}" itself, or push the whole tree`,
    data: { path: name },
  });
}

/** The staging directory itself is ".". */
function nameOf(path: BytePath): string {
  return toDisplayPath(path) || '.';
}

function summarise(names: readonly string[]): string {
  const shown = names.slice(0, shownPaths).join(', ');
  return names.length > shownPaths ? `${shown} and ${names.length - shownPaths} more` : shown;
}
