// The whole suite over SSH, against a real OpenSSH server on a loopback address.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { type Fleet, startFleet } from '../../scripts/lib/fleet/fleet.mjs';
import { createSshTransport } from '../../src/transport/ssh/ssh.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { sshSettings } from '../support/ssh-settings.ts';
import { describeTransport } from './transport-suite.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

let base: string;
let fleet: Fleet | undefined;

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'scap-ssh-'));
  fleet = await startFleet({ directory: join(base, 'fleet'), hosts: 1, mode: 'plain' });
});

afterAll(async () => {
  await fleet?.stop();
  rmSync(base, { recursive: true, force: true });
});

/** The suite's endpoint, at the server's address. */
function withAgent(agentPath: string): Transport {
  const [host] = fleet?.hosts ?? [];
  if (fleet === undefined || host === undefined) throw new Error('there is no fleet');
  const { address, port, user } = host;
  const { directory } = fleet;
  const settings = sshSettings({
    identityFiles: [`${directory}/id_ed25519`],
    knownHosts: [`${directory}/known_hosts`],
    node: process.execPath,
  });
  const transport = createSshTransport({ agentPath, settings });
  return { connect: (endpoint, options) => transport.connect({ ...endpoint, address, port, user }, options) };
}

describeTransport('ssh', {
  withAgent,
  realAgent: at('../../dist/agent.mjs'),
  fakeAgent: at('../support/fake-agent.mjs'),
});
