import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toExitStatus } from '../../../src/core/errors.ts';
import { createFleet } from '../../../src/deploy/fleet.ts';
import { createEventBus, type ScapEvent } from '../../../src/events/event.ts';
import { createLocalTransport } from '../../../src/transport/local.ts';
import { createSshTransport } from '../../../src/transport/ssh/ssh.ts';
import { aHost } from '../../support/deploy-facts.ts';
import { sshSettings } from '../../support/ssh-settings.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();

describe('a scap whose agent is missing', () => {
  it.each(['local', 'ssh'])('is named once, and no host is blamed (%s)', async (transport) => {
    const agentPath = join(tempDir(), 'agent.mjs');
    const transports = new Map([
      ['local', createLocalTransport({ agentPath })],
      ['ssh', createSshTransport({ agentPath, settings: sshSettings({}) })],
    ]);
    const hosts = ['mw1', 'mw2'].map((name) => aHost(name, { transport: transport as 'local' }));
    const bus = createEventBus();
    const events: ScapEvent[] = [];
    bus.listen((event) => events.push(event));
    const { signal } = new AbortController();
    await using fleet = createFleet({
      hosts,
      transports,
      bus,
      connectTimeoutMs: 1000,
      connectConcurrency: 2,
      signal,
    });
    const error: unknown = await fleet.survey().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'tool_missing',
      message: `Cannot reach any host: the agent "${agentPath}" is missing`,
      hint: expect.stringContaining('scripts/setup'),
    });
    expect(toExitStatus(error)).toBe(3);
    expect(events).toEqual([]);
  });
});
