/**
 * OpenSSH's client configuration, as `ssh -G` understands it: includes, matches, tokens and all.
 */
import { ScapError } from '../../core/errors.ts';
import { run } from '../../system/process.ts';

/** The settings of one host; a key may be given several times. Keys are in lower case. */
export type OpensshSettings = ReadonlyMap<string, readonly string[]>;

export interface OpensshQuery {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** A file, `none`, or where `ssh` itself looks. */
  readonly configFile: string | undefined;
}

/**
 * Asks the `ssh` of this machine what it would use for a host; 8 ms. Without one, or when no file is wanted, the answer is empty.
 * Throws `config_invalid` when the configuration is broken.
 */
export async function readOpensshConfig(query: OpensshQuery): Promise<OpensshSettings> {
  const { host, user, port, configFile } = query;
  if (configFile === 'none') return new Map();
  try {
    const { stdout } = await run(
      [
        'ssh',
        '-G',
        ...(configFile === undefined ? [] : ['-F', configFile]),
        ...(user === undefined ? [] : ['-l', user]),
        ...(port === undefined ? [] : ['-p', String(port)]),
        '--',
        host,
      ],
      { env: clientEnvironment(), timeoutMs: 10_000 },
    );
    return parseOpensshConfig(stdout.toString('utf8'));
  } catch (error) {
    if (!(error instanceof ScapError)) throw error;
    if (error.code === 'tool_missing') return new Map();
    const said = String(error.data.stderr ?? '').trim();
    throw new ScapError(
      'config_invalid',
      `Cannot read the SSH client configuration for ${host}: ${said || error.message}`,
      {
        hint: 'Repair it, or point "ssh.configFile" at another file, or at none',
        cause: error,
      },
    );
  }
}

export function parseOpensshConfig(text: string): OpensshSettings {
  const settings = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const key = line.slice(0, space).toLowerCase();
    settings.set(key, [...(settings.get(key) ?? []), line.slice(space + 1).trim()]);
  }
  return settings;
}

/** `Match exec` may run programs: they get what a login would give them. */
function clientEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
