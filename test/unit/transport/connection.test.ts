import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { runStage } from '../../../src/deploy/target-client.ts';
import type { AgentStreams } from '../../../src/transport/agent-streams.ts';
import { openConnection } from '../../../src/transport/connection.ts';
import type { AgentNotice } from '../../../src/transport/protocol.ts';

/** A connection to an agent that says what the test has it say, and never ends. */
async function connect() {
  const stdout = new PassThrough();
  const streams: AgentStreams = {
    stdin: new PassThrough(),
    stdout,
    ended: new Promise(() => {}),
    kill: () => {},
    release: () => {},
    execute: () => Promise.reject(new Error('not here')),
  };
  const say = (message: unknown) => stdout.write(`${JSON.stringify(message)}\n`);
  say({ type: 'hello', protocol: 1, pid: 1, versions: {} });
  return { connection: await openConnection('mw1', streams, { timeoutMs: 1000 }), say };
}

describe('a connection', () => {
  it('tells a request that still waits when it is closed, and waits for nothing more', async () => {
    const { connection } = await connect();
    const request = connection.request('warm', {}, { timeoutMs: 600_000 });
    await connection.close();
    await expect(request).rejects.toMatchObject({ code: 'connection_lost' });
  });

  it('[B35] says which stage got no answer in time', async () => {
    const { connection } = await connect();
    await expect(runStage(connection, 'promote', {}, { timeoutMs: 10 })).rejects.toMatchObject({
      code: 'request_timeout',
      message: 'Cannot finish "promote" on mw1: no answer after 10 ms',
    });
  });

  it('[B45] passes on a limit of notes, and the answer after them', async () => {
    const { connection, say } = await connect();
    const notices: AgentNotice[] = [];
    const request = connection.request('stage', {}, { timeoutMs: 10_000, onNotice: (notice) => notices.push(notice) });
    for (let note = 0; note < 3000; note++)
      say({ type: 'notice', id: 1, notice: { kind: 'note', code: 'x', message: 'y' } });
    say({ type: 'notice', id: 1, notice: { kind: 'progress', step: 'x', unit: 'files', done: 1, total: 1 } });
    say({ type: 'reply', id: 1, at: 0, ok: true, value: 'done' });
    expect(await request).toBe('done');
    expect(notices).toHaveLength(1001);
    await connection.close();
  });
});
