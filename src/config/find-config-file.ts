import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isSystemError, ScapError, toScapError } from '../core/errors.ts';

export interface ConfigSearch {
  /** What `--config` names; relative to `cwd`. */
  readonly explicitPath?: string | undefined;
  /** `SCAP_CONFIG` is read; empty counts as unset. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** The last place to look. */
  readonly systemPath?: string | undefined;
}

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

const fileName = 'scap.yaml';

/**
 * Reads the first configuration file there is: the explicit one, `$SCAP_CONFIG`, `scap.yaml` in `cwd` and its parents, the system's.
 *
 * Returns `undefined` when there is none. Throws `config_missing` when a file somebody named does not exist or one is a directory, and
 * `permission_denied` or `io_failed` when one is there but cannot be read: falling back to another would deploy the wrong thing.
 */
export function readConfigFile({ explicitPath, env, cwd, systemPath }: ConfigSearch): ConfigFile | undefined {
  if (explicitPath !== undefined) return readNamed(resolve(cwd, explicitPath), '--config');
  if (env.SCAP_CONFIG) return readNamed(resolve(cwd, env.SCAP_CONFIG), '$SCAP_CONFIG');
  for (const path of [...pathsUpward(cwd), systemPath ?? `/etc/scap/${fileName}`]) {
    const text = readIfPresent(path);
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

function readNamed(path: string, namedBy: string): ConfigFile {
  const text = readIfPresent(path);
  if (text !== undefined) return { path, text };
  throw new ScapError('config_missing', `Cannot read the configuration "${path}": there is no such file`, {
    hint: `Correct ${namedBy}, or leave it out to use the nearest ${fileName}`,
    data: { path, namedBy },
  });
}

function pathsUpward(cwd: string): string[] {
  const parent = dirname(cwd);
  return [join(cwd, fileName), ...(parent === cwd ? [] : pathsUpward(parent))];
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (isSystemError(error, 'EISDIR')) {
      throw new ScapError('config_missing', `Cannot read the configuration "${path}": it is a directory`, {
        hint: `Name a file, such as ${join(path, fileName)}`,
        cause: error,
      });
    }
    throw toScapError(error) ?? error;
  }
}
