import { describe, expect, it } from 'vitest';
import { type ErrorCode, ScapError } from '../../../src/core/errors.ts';
import type { Command, CommandRegistry, RunContext } from '../../../src/deploy/commands/command.ts';
import type { Execution } from '../../../src/deploy/executor.ts';
import { rollBackIfNeeded } from '../../../src/deploy/roll-back.ts';
import { createEventBus } from '../../../src/events/event.ts';
import { aPlan, aStage, aTask, hostName, sha } from '../../support/deploy-facts.ts';

const revision = sha('b');
const plan = aPlan([aStage('promote', [aTask('promote', 'a', { revision }), aTask('promote', 'b', { revision })])]);
const promoted = { status: 'ok', result: { result: 'live', data: { changed: true } } } as const;
const execution: Execution = {
  tasks: new Map([
    ['promote@a', promoted],
    ['promote@b', promoted],
  ]),
  dropped: new Map(),
  failure: { stage: 'promote', error: new ScapError('run_failed', 'too many') },
  interrupted: false,
};

/** Commands that fail on host `a` with these codes, one after the other, and then do not. */
async function rollBack(codes: ErrorCode[]) {
  const asked: string[] = [];
  const command = {
    parse: () => ({}),
    execute: async (_run: unknown, _args: unknown, task: { id: string; host?: string }) => {
      asked.push(task.id);
      const code = task.host === 'a' ? codes.shift() : undefined;
      if (code !== undefined) throw new ScapError(code, 'Lost');
      return { result: '', data: {} };
    },
  } as unknown as Command;
  const commands: CommandRegistry = new Map([
    ['fetch', command],
    ['promote', command],
  ]);
  const distributor = { fork: () => ({ [Symbol.dispose]: () => {} }) };
  const run = { plan, bus: createEventBus(), distributor } as unknown as RunContext;
  const served = new Map([
    [hostName('a'), sha('a')],
    [hostName('b'), sha('a')],
  ]);
  const outcome = await rollBackIfNeeded(run, { execution, served, commands, wanted: true });
  return { asked: asked.filter((id) => id.endsWith('@a')), outcome };
}

describe('rollBackIfNeeded()', () => {
  it('[B32] asks again over a new connection when the agent had taken us for gone', async () => {
    const { asked, outcome } = await rollBack(['connection_lost']);
    expect(asked).toEqual(['undo-fetch@a', 'undo-fetch@a', 'undo-promote@a']);
    expect([...(outcome?.restored ?? [])]).toEqual(['a', 'b']);
  });

  it.each<[string, ErrorCode[], number]>([
    ['a host that is lost twice', ['connection_lost', 'connection_lost'], 2],
    ['a host that refuses', ['fence_stale'], 1],
  ])('[B32] reports %s, and takes the others back', async (_what, codes, times) => {
    const { asked, outcome } = await rollBack(codes);
    expect(asked).toHaveLength(times);
    expect([...(outcome?.failed.keys() ?? [])]).toEqual(['a']);
    expect([...(outcome?.restored ?? [])]).toEqual(['b']);
  });
});
