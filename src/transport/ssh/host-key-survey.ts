import type { ScapError } from '../../core/errors.ts';
import { toScapError } from '../../core/errors.ts';
import { collectHostKeys } from './collect-host-keys.ts';
import { fingerprint, formatKnownHostsLine, type HostAddress, judgeHostKey, keyType } from './known-hosts.ts';
import { readKnownHostsFiles, recordHostKeys } from './known-hosts-file.ts';
import { type Address, resolveDestination } from './resolve-destination.ts';
import type { SshSettings } from './settings.ts';

export interface ShownKey {
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** `refused`: another key is recorded for the host, or this one is revoked. */
  readonly state: 'known' | 'new' | 'refused';
  /** What to write to know it. */
  readonly line: string;
}

export interface HostKeySurvey {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** What its keys are recorded under. */
  readonly name: string;
  /** The file new keys go to. */
  readonly knownHosts: string;
  readonly keys: readonly ShownKey[];
  /** Why the host could not be asked. */
  readonly error: ScapError | undefined;
}

/** Asks a host for its keys and compares them with what is recorded. Nothing is trusted yet, nothing written. */
export async function surveyHostKeys(host: Address, settings: SshSettings): Promise<HostKeySurvey> {
  const destination = await resolveDestination(host, settings);
  const { address, port, hostKeyAlias } = destination;
  const files = readKnownHostsFiles(destination.knownHosts);
  const known: HostAddress = hostKeyAlias === undefined ? { host: address, port } : { host: hostKeyAlias, port: 22 };
  const name = known.port === 22 ? known.host : `[${known.host}]:${known.port}`;
  const about = { host: host.name, address, port, name, knownHosts: destination.knownHosts[0] ?? '' };
  try {
    const keys = await collectHostKeys(destination, settings.connectTimeoutMs);
    const verdicts = keys.map((key) => ({ key, verdict: judgeHostKey(files, known, key).kind }));
    const shown = verdicts.map(({ key, verdict }): ShownKey => {
      const state = verdict === 'known' ? 'known' : verdict === 'changed' || verdict === 'revoked' ? 'refused' : 'new';
      return { type: keyType(key), fingerprint: fingerprint(key), state, line: formatKnownHostsLine(known, key) };
    });
    return { ...about, keys: shown, error: undefined };
  } catch (error) {
    const known = toScapError(error);
    if (known === undefined) throw error;
    return { ...about, keys: [], error: known };
  }
}

/** Records the new keys of surveys. */
export function trustHostKeys(surveys: readonly HostKeySurvey[]): void {
  for (const { knownHosts, keys } of surveys) {
    const lines = keys.filter(({ state }) => state === 'new').map(({ line }) => line);
    if (lines.length > 0) recordHostKeys(knownHosts, lines);
  }
}
