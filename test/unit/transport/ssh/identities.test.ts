// Keys made by ssh-keygen, held by a real agent.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { countKeys, loadIdentities } from '../../../../src/transport/ssh/identities.ts';
import { loadSsh2 } from '../../../../src/transport/ssh/load-ssh2.ts';
import type { IdentitySettings } from '../../../../src/transport/ssh/settings.ts';
import { useTempDirs } from '../../../support/temp-dir.ts';

const tempDir = useTempDirs();
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const load = async (settings: Partial<IdentitySettings>, passphrase?: string) =>
  loadIdentities(await loadSsh2(), { files: [], agent: undefined, only: false, ...settings }, passphrase);

function makeKey(directory: string, name: string, passphrase = ''): string {
  const file = join(directory, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', '', '-f', file]);
  return file;
}

async function startAgent(directory: string, files: readonly string[]): Promise<string> {
  const socket = join(directory, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  cleanUps.push(() => agent.kill('SIGKILL'));
  await once(agent.stdout, 'data');
  for (const file of files)
    execFileSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
  return socket;
}

/** Base64 of what would be offered, in order. */
async function blobsOf(settings: Partial<IdentitySettings>): Promise<string[]> {
  const { offered } = await load(settings);
  const lists = offered.map(async (identity) => {
    if (identity.kind === 'key') return [identity.key.getPublicSSH().toString('base64')];
    const keys = await new Promise<unknown[]>((resolve) =>
      identity.agent.getIdentities((_e, held) => resolve(held ?? [])),
    );
    return keys.map((key) => (key as { getPublicSSH(): Buffer }).getPublicSSH().toString('base64'));
  });
  return (await Promise.all(lists)).flat();
}
const blobIn = (file: string) => readFileSync(`${file}.pub`, 'utf8').trim().split(' ')[1];

describe('loadIdentities()', () => {
  it('passes over files that are missing, and tells why others cannot be used', async () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'rubbish'), 'no key');
    const locked = makeKey(directory, 'locked', 'sesame');
    const files = [join(directory, 'missing'), directory, join(directory, 'rubbish'), locked];
    const { offered, passedOver } = await load({ files });
    expect(offered).toEqual([]);
    expect(passedOver).toEqual([
      expect.stringContaining('EISDIR'),
      expect.stringContaining('/rubbish": '),
      expect.stringContaining('it is encrypted; load it into an agent (ssh-add), or set SCAP_SSH_PASSPHRASE'),
    ]);
    expect((await load({ files: [locked] }, 'sesame')).offered).toHaveLength(1);
  });

  it('an agent that is not there, or never answers, is told and does not stop anybody', async () => {
    const directory = tempDir();
    const silent = createServer().listen(join(directory, 'silent.sock'));
    cleanUps.push(() => silent.close());
    const file = makeKey(directory, 'key');
    for (const [name, words] of [
      ['nothing.sock', 'Failed to connect to agent'],
      ['silent.sock', 'no answer after 3000 ms'],
    ] as const) {
      const { offered, passedOver } = await load({ files: [file], agent: join(directory, name) });
      expect(offered).toHaveLength(1);
      expect(passedOver).toEqual([expect.stringContaining(words)]);
    }
  });

  it('with an agent: named keys first, five at most, and the rest is told', async () => {
    const directory = tempDir();
    const files = Array.from({ length: 7 }, (_, at) => makeKey(directory, `k${at}`));
    const agent = await startAgent(directory, files);
    const last = files[6] as string;
    // The private half is in the agent only; its public half has neither comment nor a space after it.
    rmSync(last);
    writeFileSync(`${last}.pub`, `ssh-ed25519 ${blobIn(last)}\n`);

    const all = await blobsOf({ files: [last], agent });
    expect(all).toHaveLength(5);
    expect(all[0]).toBe(blobIn(last));
    expect(await blobsOf({ files: [last], agent, only: true })).toEqual([blobIn(last)]);
    const { offered, passedOver } = await load({ files: [last], agent });
    expect(countKeys(offered)).toBe(5);
    expect(passedOver).toEqual([expect.stringMatching(/^2 more, /)]);
  });

  it('a key that is in a file and in the agent is offered once', async () => {
    const directory = tempDir();
    const file = makeKey(directory, 'key');
    const agent = await startAgent(directory, [file]);
    expect(await blobsOf({ files: [file], agent })).toEqual([blobIn(file)]);
  });
});
