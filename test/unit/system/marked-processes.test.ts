import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterEach, describe, expect, it } from 'vitest';
import { agentMark, agentMarkName, killMarked } from '../../../src/system/marked-processes.ts';
import { run } from '../../../src/system/process.ts';
import { temporaryDirectory } from '../../support/operator.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  delete process.env[agentMarkName];
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function start(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<ChildProcess> {
  const [program = '', ...args] = argv.length > 0 ? argv : ['sleep', '600'];
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...env }, stdio: 'ignore', detached: true });
  children.push(child);
  await once(child, 'spawn');
  return child;
}

const token = (digit: string) => `${process.pid}${digit.repeat(24)}`;

describe('killMarked()', () => {
  it('[B35] kills what carries the token, stopped or not, and nothing else', async () => {
    const mine = await start({ [agentMarkName]: token('a') });
    const stopped = await start({ [agentMarkName]: token('a') });
    const others = [
      await start({ [agentMarkName]: token('b') }),
      await start({ [agentMarkName]: `${token('a')}0` }),
      await start({ OTHER: `${agentMarkName}=${token('a')}` }),
      await start({}),
    ];
    stopped.kill('SIGSTOP');
    const ended = [mine, stopped].map((child) => once(child, 'exit'));
    expect(killMarked(token('a'))).toBe(2);
    expect(await Promise.all(ended)).toEqual([
      [null, 'SIGKILL'],
      [null, 'SIGKILL'],
    ]);
    expect(others.map(({ exitCode, signalCode }) => [exitCode, signalCode])).toEqual(others.map(() => [null, null]));
    expect(killMarked(token('a'))).toBe(0);
  });

  it('spares this process', async () => {
    const source = fileURLToPath(new URL('../../../src/system/marked-processes.ts', import.meta.url));
    const outfile = join(temporaryDirectory('scap-unit-'), 'marked.mjs');
    buildSync({ entryPoints: [source], bundle: true, format: 'esm', platform: 'node', outfile });
    const script = `import(process.argv[1]).then(({ killMarked }) => process.exit(killMarked('${token('c')}') === 0 ? 7 : 1))`;
    const child = await start({ [agentMarkName]: token('c') }, process.execPath, '-e', script, outfile);
    expect(await once(child, 'exit')).toEqual([7, null]);
  });
});

describe('agentMark()', () => {
  it('is handed to every program, whatever its environment; none without one', async () => {
    const seen = async () => (await run(['env'], { env: { PATH: '/usr/bin:/bin' } })).stdout.toString('utf8');
    expect(agentMark()).toEqual({});
    expect(await seen()).not.toContain(agentMarkName);
    process.env[agentMarkName] = token('d');
    expect(await seen()).toContain(`${agentMarkName}=${token('d')}\n`);
    expect((await run(['env'])).stdout.toString('utf8')).toContain(`${agentMarkName}=${token('d')}\n`);
  });
});
