import type { SshSettings } from '../../src/transport/ssh/settings.ts';

/** Impatient, alone with the files named, and without a look at what the tester's own SSH is told. */
export function sshSettings(more: Partial<SshSettings> = {}): SshSettings {
  return {
    configFile: 'none',
    identityFiles: [],
    knownHosts: [],
    connectTimeoutMs: 10_000,
    maxStarts: 10,
    keepAliveMs: 5000,
    proxyJump: undefined,
    node: undefined,
    ...more,
  };
}
