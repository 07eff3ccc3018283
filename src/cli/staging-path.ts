import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type BytePath, fromText, isWithin } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import type { DeployHost } from '../deploy/deploy-host.ts';
import { readIndexNote } from '../revision/staging-index.ts';

/** What a path on the command line of `push` means. */
export interface StagingChoice {
  readonly staging: string;
  /** Set when the path lies inside the staging tree. */
  readonly scope: readonly BytePath[] | undefined;
}

/**
 * Tells what to push: without a path the configured staging tree; a path inside it means only that part; another directory is a staging tree of
 * its own. The embedded default knows no staging tree but the one pushed last.
 */
export function chooseStaging(host: DeployHost, cwd: string, path: string | undefined): StagingChoice {
  refuseEmpty([path]);
  const known = knownStaging(host);
  if (path === undefined) return { staging: known ?? missing(), scope: undefined };
  const inside = known === undefined ? undefined : pathInside(known, resolve(cwd, path));
  if (known !== undefined && inside !== undefined && inside !== '') return { staging: known, scope: [inside] };
  if (host.config.staging !== undefined && inside === undefined) {
    throw new ScapError('usage', `Cannot push "${path}": the configured staging tree is "${host.config.staging}"`, {
      hint: 'Push that one (scap push), a path inside it, or use another configuration: --config FILE',
    });
  }
  return { staging: resolve(cwd, path), scope: undefined };
}

/** Paths for `sync-file`: relative to the working directory when that lies inside staging or the path does, else to staging. */
export function choosePaths(
  host: DeployHost,
  cwd: string,
  paths: readonly string[],
): { staging: string; scope: BytePath[] } {
  refuseEmpty(paths);
  const staging = knownStaging(host) ?? missing();
  const scope = paths.map((path) => {
    const direct = pathInside(staging, resolve(cwd, path));
    const inside = direct ?? pathInside(staging, resolve(staging, path));
    if (inside === undefined) {
      throw new ScapError(
        'path_unknown',
        `Cannot synchronise "${path}": it is not inside the staging tree "${staging}"`,
        {
          hint: 'Name a file or directory of the staging tree',
        },
      );
    }
    if (inside === '') {
      throw new ScapError('usage', 'Cannot synchronise the whole staging tree file by file', {
        hint: 'Deploy all of it with: scap push',
      });
    }
    return inside;
  });
  return { staging, scope };
}

/** An unset variable in a script must not mean the working directory. */
function refuseEmpty(paths: readonly (string | undefined)[]): void {
  if (!paths.includes('')) return;
  throw new ScapError('usage', 'Cannot use an empty path', {
    hint: 'Is a variable unset? For the working directory write: .',
  });
}

function knownStaging({ config, layout }: DeployHost): string | undefined {
  const staging = config.staging ?? readIndexNote(layout.stagingIndex)?.staging;
  return staging === undefined || !existsSync(staging) ? staging : realpathSync(staging);
}

/** The path relative to staging, the empty string for staging itself, `undefined` when it lies elsewhere. Links on the way to it are resolved. */
function pathInside(staging: string, path: string): BytePath | undefined {
  const parent = dirname(path);
  const real = path === staging || !existsSync(parent) ? path : join(realpathSync(parent), basename(path));
  const inside = isWithin(fromText(real), fromText(staging)) ? real : realIfLink(path, real);
  return isWithin(fromText(inside), fromText(staging)) ? fromText(relative(staging, inside)) : undefined;
}

/** A link to a directory that leads into staging may be what the operator typed. */
function realIfLink(path: string, real: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && existsSync(path) ? realpathSync(path) : real;
}

function missing(): never {
  throw new ScapError('staging_missing', 'Cannot tell what to deploy: no staging tree is configured', {
    hint: 'Name it: scap push PATH, or set "staging" in scap.yaml',
  });
}
