// What a target does when its deploy host vanishes between a promotion and its confirmation.
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../src/core/sha.ts';
import { readFleetStatus } from '../../src/deploy/fleet-status.ts';
import type { Host } from '../../src/inventory/host.ts';
import type { TargetState } from '../../src/target/state.ts';
import type { Connection, ConnectOptions } from '../../src/transport/connection.ts';
import { createDeployWorld, type DeployWorld } from '../support/deploy-world.ts';
import { withoutAgents } from '../support/operator.ts';

/** Three targets that serve `two` and have `one`, and a way to talk to the first. */
async function deployed() {
  const world = createDeployWorld();
  const one = await world.pushText('one');
  const two = await world.pushText('two');
  await withoutAgents(world.me.cwd);
  const host = world.host.inventory.hosts[0] as Host;
  return { world, one, two, host };
}

async function begin(world: DeployWorld, host: Host, options: Partial<ConnectOptions> = {}): Promise<Connection> {
  const transport = world.host.transports.get('local');
  if (transport === undefined) throw new Error('no local transport');
  const connection = await transport.connect(host, { timeoutMs: 10_000, ...options });
  await connection.request('begin', { fence: 9, reason: 'test' }, { timeoutMs: 30_000 });
  return connection;
}

const promote = (connection: Connection, revision: Sha | null, more: object = { onControllerLoss: 'revert' }) =>
  connection.request('stage', { stage: 'promote', fence: 9, revision, ...more }, { timeoutMs: 10_000 });
const served = (host: Host) => readFileSync(join(host.live, 'index.php'), 'utf8');
const state = (host: Host) => JSON.parse(readFileSync(join(host.cache, 'state.json'), 'utf8')) as TargetState;

describe('a deploy host that vanishes after a promotion', () => {
  it('[B23] with revert, unconfirmed: the target goes back, and remembers both swaps', async () => {
    const { world, one, two, host } = await deployed();
    const connection = await begin(world, host);
    await promote(connection, one);
    expect(served(host)).toBe('one');
    await connection.close();
    await withoutAgents(world.me.cwd);
    expect(served(host)).toBe('two');
    const { swaps, unreverted } = state(host);
    expect(swaps.slice(-2)).toMatchObject([
      { from: two, to: one, fence: 9 },
      { from: one, to: two, fence: 9 },
    ]);
    expect(unreverted).toBeUndefined();
  });

  it('[B23] with revert, falling silent instead of closing: the same', async () => {
    const { world, one, host } = await deployed();
    const connection = await begin(world, host, { pingEveryMs: 600_000, leaseMs: 500 });
    await promote(connection, one);
    await withoutAgents(world.me.cwd);
    expect(served(host)).toBe('two');
  });

  it.each([
    ['with keep', { onControllerLoss: 'keep' }, false],
    ['by default', {}, false],
    ['with revert, confirmed', { onControllerLoss: 'revert' }, true],
  ])('%s: what was promoted stays', async (_what, more, confirms) => {
    const { world, one, host } = await deployed();
    const connection = await begin(world, host);
    await promote(connection, one, more);
    if (confirms) {
      const confirmed = await connection.request('confirm', { revision: one }, { timeoutMs: 10_000 });
      expect(confirmed).toEqual({ confirmed: true });
    }
    await connection.close();
    await withoutAgents(world.me.cwd);
    expect(served(host)).toBe('one');
  });

  it('with revert, several promotions: back to before the first; an undoing promotion leaves nothing to confirm', async () => {
    const { world, one, two, host } = await deployed();
    const three = await world.pushText('three');
    const first = await begin(world, host);
    await promote(first, one);
    await promote(first, two);
    await first.close();
    await withoutAgents(world.me.cwd);
    expect(served(host)).toBe('three');

    const second = await begin(world, host);
    await promote(second, one);
    await promote(second, two, {});
    await second.close();
    await withoutAgents(world.me.cwd);
    expect(served(host)).toBe('two');
    expect(state(host).swaps.at(-1)).toMatchObject({ from: one, to: two });
    expect(three).not.toBe(two);
  });

  it('with revert, where nothing was served before: nothing is served again', async () => {
    const { world, one, host } = await deployed();
    rmSync(host.live);
    const connection = await begin(world, host);
    await promote(connection, one);
    await connection.close();
    await withoutAgents(world.me.cwd);
    expect(existsSync(host.live)).toBe(false);
  });

  it.each([
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link', (path: string) => symlinkSync('/nowhere', path)],
  ])('with revert, where %s of somebody else stood: it is back', async (_what, make) => {
    const { world, one, host } = await deployed();
    rmSync(host.live);
    make(host.live);
    const connection = await begin(world, host);
    await promote(connection, one, { onControllerLoss: 'revert', adopt: true });
    expect(served(host)).toBe('one');
    await connection.close();
    await withoutAgents(world.me.cwd);
    const [status] = (await readFleetStatus(world.host)).hosts;
    expect(status).toMatchObject({ state: 'foreign' });
  });

  it('confirming what is not served any more is refused', async () => {
    const { world, one, two, host } = await deployed();
    const connection = await begin(world, host);
    const confirming = connection.request('confirm', { revision: one }, { timeoutMs: 10_000 });
    await expect(confirming).rejects.toMatchObject({ code: 'world_moved', message: expect.stringContaining(two) });
    await connection.close();
  });

  it('[B20] with revert to a revision that was changed meanwhile: the new one stays, and status says why until a push', async () => {
    const { world, one, two, host } = await deployed();
    const connection = await begin(world, host);
    await promote(connection, one);
    rmSync(join(host.cache, 'revs', two, 'docroot/robots.txt'));
    writeFileSync(join(host.cache, 'revs', two, 'docroot/robots.txt'), 'changed by hand\n');
    await connection.close();
    await withoutAgents(world.me.cwd);
    expect(served(host)).toBe('one');
    expect(state(host).unreverted).toMatchObject({ revision: one, previous: two });
    const [status] = (await readFleetStatus(world.host)).hosts;
    expect(status).toMatchObject({
      state: 'behind',
      error: { code: 'rollback_failed', message: expect.stringContaining('docroot/robots.txt') },
    });
    await withoutAgents(world.me.cwd);
    world.me.stage({ 'index.php': 'three' });
    await world.push({ force: true });
    expect((await readFleetStatus(world.host)).hosts[0]).toMatchObject({ state: 'current', error: undefined });
  });
});
