import { describe, expect, it } from 'vitest';
import { createFleet } from '../../../src/deploy/fleet.ts';
import { probe } from '../../../src/deploy/target-client.ts';
import { createEventBus, type ScapEvent } from '../../../src/events/event.ts';
import type { Host } from '../../../src/inventory/host.ts';
import type { Connection, ConnectOptions } from '../../../src/transport/connection.ts';
import { hostName } from '../../support/deploy-facts.ts';

const report = {
  live: { kind: 'absent' },
  previous: null,
  complete: [],
  held: [],
  fence: 0,
  liveSince: null,
  freeBytes: 1,
  freeInodes: 1,
};

/** A fleet of one host, of which each connection lasts for the probe only; `onConnect` sees how it is connected to. */
function fleetOfOne(
  onConnect: (options: ConnectOptions, count: number) => void,
  signal = new AbortController().signal,
) {
  const host = { name: hostName('mw1'), transport: 'fake' } as unknown as Host;
  let count = 0;
  const connect = async (_endpoint: unknown, options: ConnectOptions): Promise<Connection> => {
    if (options.signal?.aborted) throw new Error('stopped');
    onConnect(options, ++count);
    const hello = { type: 'hello', protocol: 1, pid: 1, versions: { git: '2' } } as const;
    let usable = true;
    const request = async () => {
      usable = false;
      return report;
    };
    return {
      hello,
      clock: { offsetMs: undefined, slackMs: Number.POSITIVE_INFINITY },
      request,
      execute: () => Promise.reject(new Error('not here')),
      close: async () => {},
      get usable() {
        return usable;
      },
    };
  };
  const bus = createEventBus();
  const events: ScapEvent[] = [];
  bus.listen((event) => events.push(event));
  const transports = new Map([['fake', { connect }]]);
  const fleet = createFleet({ hosts: [host], transports, bus, connectTimeoutMs: 1000, connectConcurrency: 1, signal });
  return { fleet, events, name: host.name, connections: () => count };
}

describe('a host that was lost', () => {
  it('[B35] is connected to once more, not for ever, when it is lost again at once', async () => {
    const { fleet, name, connections } = fleetOfOne((_options, count) => {
      if (count > 5) throw new Error('again and again');
    });
    await fleet.survey();
    expect((await fleet.connection(name)).usable).toBe(false);
    expect(connections()).toBe(2);
  });

  it('[B35] is connected to once for all who ask at once, also when that fails', async () => {
    const { fleet, name, connections } = fleetOfOne((_options, count) => {
      if (count === 3) throw new Error('away');
    });
    await fleet.survey();
    const [one, two] = await Promise.all([fleet.connection(name), fleet.connection(name)]);
    expect(one).toBe(two);
    expect(connections()).toBe(2);
    const failed = await Promise.allSettled([fleet.connection(name), fleet.connection(name)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(connections()).toBe(3);
    await fleet.connection(name);
    expect(connections()).toBe(4);
  });

  it('[B32] is connected to anew by who undoes, when another who did is interrupted', async () => {
    const interrupt = new AbortController();
    const { fleet, name, connections } = fleetOfOne(({ signal }, count) => {
      if (count !== 2) return;
      interrupt.abort();
      signal?.throwIfAborted();
    }, interrupt.signal);
    await fleet.survey();
    const [work, undo] = await Promise.allSettled([
      fleet.connection(name),
      fleet.connection(name, new AbortController().signal),
    ]);
    expect([work.status, undo.status]).toEqual(['rejected', 'fulfilled']);
    expect(connections()).toBe(3);
  });

  it('[B32] is connected to anew for what an interrupted run still has to do', async () => {
    const interrupt = new AbortController();
    const { fleet, name, connections } = fleetOfOne(() => {}, interrupt.signal);
    await fleet.survey();
    interrupt.abort();
    await expect(fleet.connection(name)).rejects.toThrow('stopped');
    await fleet.begun(name, { fence: 1, run: 'x', reason: 'undo' }, new AbortController().signal);
    expect(connections()).toBe(2);
  });
});

describe('a host that talks without end', () => {
  it('[B45] is heard up to a limit', async () => {
    const { fleet, events } = fleetOfOne(({ onNoise }) => {
      for (let line = 0; line < 5000; line++) onNoise?.('x'.repeat(2000));
    });
    await fleet.survey();
    const said = events.flatMap((event) => (event.type === 'host.spoke' ? [event.text] : []));
    expect(said).toHaveLength(1001);
    expect(said[0]).toHaveLength(1000);
    expect(said.at(-1)).toBe('(too much to keep: the rest is left out)');
  });
});

describe('a host that lies about the runs it has seen', () => {
  it.each([1e13, 1e308, -1, 0.5])('[B41] leaves room for those to come: %d', async (fence) => {
    const request = async () => ({ ...report, fence });
    await expect(probe({ request } as unknown as Connection, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'protocol_violation',
    });
  });
});
