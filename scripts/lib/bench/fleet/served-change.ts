import { lstatSync, readFileSync } from 'node:fs';
import { ScriptFailure } from '../../program/async-script.ts';

/** A changed file of the staging tree. */
export interface Change {
  readonly path: string;
  readonly content: Buffer;
}

/** Where one host shows a change; paths as seen from this machine. */
export interface ServedPlace {
  readonly file: string;
  /** What the tool renames to make it live: the link, or the file itself. */
  readonly switched: string;
}

/**
 * Returns how far apart hosts began to serve a change, in milliseconds: a rename sets the time of change of what is renamed.
 *
 * @throws ScriptFailure when a host does not serve it, since then nothing has been measured
 */
export function servedSkewMs(places: readonly ServedPlace[], { content }: Change): number {
  const stale = places.find(({ file }) => !readFileSync(file).equals(content));
  if (stale !== undefined) {
    throw new ScriptFailure(`Cannot compare: "${stale.file}" is not what was pushed`, 'Report it: the bench is wrong');
  }
  const times = places.map(({ switched }) => lstatSync(switched).ctimeMs);
  return Math.max(...times) - Math.min(...times);
}
