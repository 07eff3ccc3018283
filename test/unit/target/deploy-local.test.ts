import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runDeployLocal } from '../../../src/target/deploy-local.ts';
import { temporaryDirectory } from '../../support/operator.ts';

afterEach(() => vi.restoreAllMocks());

/** Runs it in this process; every line it prints is a JSON document. */
async function deployLocal(...argv: string[]) {
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const status = await runDeployLocal(argv);
  const lines = written.mock.calls.map(([text]) => JSON.parse(String(text)));
  written.mockRestore();
  return { status, lines, result: lines.at(-1) };
}

const place = () => {
  const directory = temporaryDirectory('scap-unit-');
  return { directory, args: ['--cache', join(directory, 'cache'), '--live', join(directory, 'live')] };
};

describe('runDeployLocal()', () => {
  it('probe tells what is there and creates nothing', async () => {
    const { directory, args } = place();
    const { status, lines } = await deployLocal('probe', ...args);
    expect(status).toBe(0);
    expect(lines).toMatchObject([
      {
        live: { kind: 'absent' },
        previous: null,
        complete: [],
        held: [],
        fence: 0,
        liveSince: null,
        freeBytes: expect.any(Number),
      },
    ]);
    expect(existsSync(join(directory, 'cache'))).toBe(false);
  });

  it('verify of a host that serves nothing finds nothing', async () => {
    const { status, result } = await deployLocal('verify', ...place().args);
    expect([status, result]).toEqual([0, { revision: null, drift: [] }]);
  });

  it.each([
    [[]],
    [['probe']],
    [['probe', '--cache', '/c']],
    [['dance', '--cache', '/c', '--live', '/l']],
    [['probe', 'verify', '--cache', '/c', '--live', '/l']],
    [['probe', '--cache', '/c', '--live', '/l', '--bogus']],
    [['--stage', 'fetch', '--cache', '/c', '--live', '/l', '--param', 'no-value']],
  ])('%j: exit 2, usage in the hint', async (argv) => {
    const { status, result } = await deployLocal(...argv);
    expect(status).toBe(2);
    expect(result.error).toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('deploy-local serve|probe|verify'),
    });
  });

  it('an unknown stage: exit 2, the known ones named', async () => {
    const { status, result } = await deployLocal('--stage', 'explode', ...place().args);
    expect(status).toBe(2);
    expect(result.error.hint).toMatch(/^Known: fetch, config, promote, finalize/);
  });

  it('[B20] promote of a revision that is not there: refused, no live path', async () => {
    const { directory, args } = place();
    const { status, result } = await deployLocal(
      '--stage',
      'promote',
      ...args,
      '--param',
      `revision=${'a'.repeat(40)}`,
    );
    expect(status).toBe(5);
    expect(result.error.code).toBe('revision_incomplete');
    expect(existsSync(join(directory, 'live'))).toBe(false);
  });

  it('[B41] a fence lower than one seen: exit 7', async () => {
    const { args } = place();
    expect((await deployLocal('--stage', 'config', ...args, '--param', 'fence=5')).status).toBe(0);
    const { status, result } = await deployLocal('--stage', 'config', ...args, '--param', 'fence=4');
    expect([status, result.error.code]).toEqual([7, 'fence_stale']);
    expect((await deployLocal('--stage', 'config', ...args)).status).toBe(0);
  });

  it('prints the result of the stage', async () => {
    const { args } = place();
    expect((await deployLocal('--stage', 'config', ...args)).result).toEqual({ rendered: 0 });
    expect(
      (await deployLocal('--stage', 'finalize', ...args, '--param', 'keep=2', '--param', 'graceMs=0')).result,
    ).toMatchObject({ pruned: [], kept: 0 });
  });
});
