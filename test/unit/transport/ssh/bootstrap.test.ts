// The real script, run by the shells of this machine.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootstrapCommand, parseBootstrapLine, reapCommand } from '../../../../src/transport/ssh/bootstrap.ts';
import { useTempDirs } from '../../../support/temp-dir.ts';

const tempDir = useTempDirs();
const agent = Buffer.from(
  'console.log(JSON.stringify([process.argv.slice(2), process.env.SCAP_AGENT_TOKEN, process.umask(), import.meta.url]))\n',
);
const sha256 = createHash('sha256').update(agent).digest('hex');
const start = {
  sha256,
  sizeBytes: agent.length,
  node: process.execPath,
  cache: '/c/it\'s "a" $HOME',
  live: '/l `x`',
  token: 'abc123',
};
const shells = ['/bin/sh', 'dash', 'bash'];

/** Runs a command as sshd would: by a login shell. */
function call(shell: string, command: string, { home, input = agent }: { home: string; input?: Buffer }) {
  const env = { PATH: process.env.PATH ?? '', HOME: home };
  const { stdout, stderr } = spawnSync(shell, ['-c', command], { env, input, timeout: 9000 });
  return { lines: stdout.toString().split('\n').filter(Boolean), stderr: stderr.toString() };
}

describe.each(shells)('bootstrapCommand(), run by %s', (shell) => {
  it('takes the agent in, starts it with its arguments, and does not ask for it again', () => {
    const home = tempDir();
    const file = join(home, '.cache/scap', `agent-${sha256}.mjs`);
    const hello = JSON.stringify([
      ['serve', '--cache', start.cache, '--live', start.live],
      'abc123',
      process.umask(),
      `file://${file}`,
    ]);
    const command = bootstrapCommand(start);
    expect(call(shell, command, { home }).lines).toEqual(['scap-bootstrap send', 'scap-bootstrap start', hello]);
    expect(readFileSync(file)).toEqual(agent);
    expect(call(shell, command, { home }).lines).toEqual(['scap-bootstrap start', hello]);
    expect(readdirSync(join(home, '.cache/scap'))).toEqual([`agent-${sha256}.mjs`]);
  });

  it.each([
    ['too few', agent.subarray(0, -1)],
    ['other', Buffer.alloc(agent.length)],
    ['no', Buffer.alloc(0)],
  ])('stores nothing when %s bytes come', (_what, input) => {
    const home = tempDir();
    expect(call(shell, bootstrapCommand(start), { home, input }).lines).toEqual([
      'scap-bootstrap send',
      `scap-bootstrap not-stored ${home}/.cache/scap`,
    ]);
    expect(readdirSync(join(home, '.cache/scap'))).toEqual([]);
  });

  it('says that there is no Node, and asks for nothing', () => {
    const home = tempDir();
    const { lines } = call(shell, bootstrapCommand({ ...start, node: 'no-such-node' }), { home });
    expect(lines).toEqual(['scap-bootstrap no-node']);
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });

  it('says that nothing can be stored', () => {
    const home = tempDir();
    writeFileSync(join(home, '.cache'), '');
    const { lines, stderr } = call(shell, bootstrapCommand(start), { home });
    expect(lines).toEqual(['scap-bootstrap send', `scap-bootstrap not-stored ${home}/.cache/scap`]);
    expect(stderr).toContain('Not a directory');
  });

  it.skipIf(process.getuid?.() !== 0)("neither stores in nor runs from a directory that is somebody else's", () => {
    const home = tempDir();
    const command = bootstrapCommand(start);
    call(shell, command, { home });
    const dir = join(home, '.cache/scap');
    chownSync(dir, 65534, 65534);
    expect(call(shell, command, { home }).lines).toEqual([`scap-bootstrap not-own ${dir}`]);
    rmSync(join(dir, `agent-${sha256}.mjs`));
    expect(call(shell, command, { home }).lines).toEqual([`scap-bootstrap not-own ${dir}`]);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('replaces a file of that name with other bytes', () => {
    const home = tempDir();
    const file = join(home, '.cache/scap', `agent-${sha256}.mjs`);
    mkdirSync(join(home, '.cache/scap'), { recursive: true });
    writeFileSync(file, 'console.log("evil")');
    const { lines } = call(shell, bootstrapCommand(start), { home });
    expect(lines.slice(0, 2)).toEqual(['scap-bootstrap send', 'scap-bootstrap start']);
    expect(readFileSync(file)).toEqual(agent);
  });

  it('reapCommand() ends what carries the token, stopped or not, and nothing else', async () => {
    const token = `t${process.pid}x${Date.now()}`;
    const sleep = (mark: string) =>
      spawn('sleep', ['60'], { env: { PATH: process.env.PATH ?? '', SCAP_AGENT_TOKEN: mark }, stdio: 'ignore' });
    const [running, stopped, other] = [sleep(token), sleep(token), sleep('another')];
    try {
      stopped?.kill('SIGSTOP');
      const ended = [running, stopped].map((child) => new Promise((resolve) => child?.once('exit', resolve)));
      call(shell, reapCommand(token), { home: tempDir() });
      await Promise.all(ended);
      expect(other?.exitCode ?? other?.signalCode).toBeNull();
    } finally {
      for (const child of [running, stopped, other]) child?.kill('SIGKILL');
    }
  });
});

describe('parseBootstrapLine()', () => {
  it.each([
    ['scap-bootstrap send', { word: 'send', detail: '' }],
    ['scap-bootstrap old-node v12.0.0', { word: 'old-node', detail: 'v12.0.0' }],
    ['scap-bootstrap not-own /a b/c', { word: 'not-own', detail: '/a b/c' }],
    ['scap-bootstrap not-stored /a b/c', { word: 'not-stored', detail: '/a b/c' }],
    ['Welcome, scap-bootstrap start', { word: 'start', detail: '' }],
    ['scap-bootstrap sending', undefined],
    ['scap-bootstrap', undefined],
    ['Welcome', undefined],
    ['', undefined],
  ])('%j', (line, parsed) => {
    expect(parseBootstrapLine(line)).toEqual(parsed);
  });
});
