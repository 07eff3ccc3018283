import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type AgentLimits, serveAgent } from '../../../src/target/agent.ts';
import type { Call, TargetSession } from '../../../src/target/session.ts';
import { encodeMessage } from '../../../src/transport/protocol.ts';
import { until } from '../../support/operator.ts';

const never = new Promise<never>(() => {});

/** An agent whose session does what the test says, and the deploy host's end of it. */
function start(
  work: (call: Call) => Promise<unknown>,
  { end = async () => {}, limits = {} }: { end?: () => Promise<void>; limits?: Partial<AgentLimits> } = {},
) {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  let said = '';
  stdout.on('data', (piece: Buffer) => {
    said += piece.toString('utf8');
  });
  let ended = false;
  const session: TargetSession = {
    call: (_verb, call) => work(call),
    receive: () => {
      throw new Error('not here');
    },
    takeBack: async () => {},
    end: async () => {
      await end();
      ended = true;
    },
  };
  const served = serveAgent(session, { stdin, stdout, versions: {}, limits });
  served.catch(() => {});
  return {
    served,
    stdin,
    said: () => said,
    ended: () => ended,
    request: (verb = 'work', id = 1) => stdin.write(encodeMessage({ type: 'request', id, verb, params: {} })),
    ping: (leaseMs: number) => stdin.write(encodeMessage({ type: 'ping', leaseMs })),
  };
}

/** Works until it is asked to stop. */
const untilStopped = ({ signal }: Call) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
  });

describe('serveAgent()', () => {
  it('does one thing at a time, except for the relay', async () => {
    const begun: boolean[] = [];
    const agent = start((call) => {
      begun.push(call.signal.aborted);
      return call.signal.aborted ? Promise.resolve() : untilStopped(call);
    });
    agent.request('work', 1);
    agent.request('work', 2);
    agent.request('blob-take', 3);
    agent.request('blob-grant', 4);
    await until(() => begun.length === 3, 'three of them');
    agent.stdin.end();
    expect(await agent.served).toBe('done');
    // What was stopped is answered, and what waited for its turn began only then.
    expect(begun).toEqual([false, false, false, true]);
  });

  it('[B35] a deploy host that falls silent without a word counts as gone: what runs is stopped, the session ends', async () => {
    const agent = start(untilStopped);
    agent.request();
    agent.ping(30);
    expect(await agent.served).toBe('done');
    expect(agent.ended()).toBe(true);
    // Nobody reads any more; a full pipe must not block what is left to do.
    expect(agent.said()).not.toContain('reply');
  });

  it('pings keep it, and are not answered', async () => {
    const agent = start(async () => 'value');
    for (let i = 0; i < 10; i++) {
      agent.ping(100);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    expect(agent.ended()).toBe(false);
    agent.request();
    await until(() => agent.said().includes('"ok":true'), 'the reply');
    expect(agent.said().trim().split('\n')).toHaveLength(2);
    agent.stdin.end();
    expect(await agent.served).toBe('done');
  });

  it('without a ping silence means nothing', async () => {
    const agent = start(async () => 'value');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(agent.ended()).toBe(false);
    agent.stdin.end();
    expect(await agent.served).toBe('done');
  });

  it('[B35] what does not stop past the limit: stuck, and the session is not waited for', async () => {
    const agent = start(() => never, { limits: { drainMs: 50 } });
    agent.request();
    await new Promise((resolve) => setImmediate(resolve));
    agent.stdin.end();
    expect(await agent.served).toBe('stuck');
    expect(agent.ended()).toBe(false);
  });

  it('[B35] an end of the session past its limit: stuck', async () => {
    const agent = start(async () => {}, { end: () => never, limits: { endMs: 50 } });
    agent.stdin.end();
    expect(await agent.served).toBe('stuck');
  });

  it('a deploy host that makes no sense: what runs is stopped, the session ends, protocol_violation', async () => {
    const agent = start(untilStopped);
    agent.request();
    agent.stdin.write('nonsense\n');
    await expect(agent.served).rejects.toMatchObject({ code: 'protocol_violation' });
    expect(agent.ended()).toBe(true);
  });
});
