import { expect, it } from 'vitest';
import type { RunContext } from '../../../src/deploy/commands/command.ts';
import { FetchCommand } from '../../../src/deploy/commands/fetch.ts';
import { aTask, sha } from '../../support/deploy-facts.ts';

it.each(['constructor', '__proto__', 'toString', 'anew'])(
  'what a target calls its result is text: %s',
  async (result) => {
    const connection = { request: async () => ({ result }) };
    const fleet = { report: async () => ({ held: [sha('b')] }), begun: async () => connection };
    const run = { fleet, timeouts: { fetchMs: 1000 } } as unknown as RunContext;
    const task = aTask('fetch', 'mw1', { revision: sha('b') });
    const command = new FetchCommand();
    const done = await command.execute(run, command.parse(task), task, () => {});
    expect(done.result).toBe(result);
  },
);
