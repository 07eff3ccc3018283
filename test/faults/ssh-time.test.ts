// One of four SSH hosts is hit by something that takes time, or takes bytes. Whatever it is: the run ends in bounded time, the host is named with what
// happened to it, the three others serve the new revision, nothing of scap is left running anywhere, and a later push brings the host up.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { encodeMessage } from '../../src/transport/protocol.ts';
import { withoutRights } from '../support/unprivileged.ts';
import { BadCable, type Mischief } from './support/bad-cable.ts';
import { finishOf, type HalfDeadSite, type Run } from './support/half-dead-site.ts';
import { agentPath, eventually, type Fault } from './support/site.ts';
import { useFleets } from './support/ssh-fleets.ts';

const victim = 'mw3';
const cache = '/srv/mediawiki-cache';
const flipInput = fileURLToPath(new URL('./support/flip-input.mjs', import.meta.url));
const clockPreload = new URL('./support/clock-preload.mjs', import.meta.url).href;
const storesBundle: Fault = { op: 'spawn', match: 'index-pack' };
const switches: Fault = { op: 'renameSync', match: '/mediawiki$' };

/** Most of the time is spent waiting for deadlines, so several fleets wait at once. */
const onFleet = useFleets(3, {
  hosts: 4,
  mode: 'namespaces',
  ssh: 'connectTimeout: 4s, keepAlive: 700ms',
  config: [
    'timeouts: {connect: 6s, fetch: 6s, promote: 4s, finalize: 10s}',
    'groups: [{name: canary, hosts: [mw1], failureBudget: 1}, {name: rest, hosts: ["*"], failureBudget: 1}]',
  ],
});

interface Expected {
  readonly state: 'failed' | 'unreachable';
  readonly codes: readonly string[];
  readonly withinMs: number;
}

/** What must hold after a push of `tree` that cost the victim and nobody else. */
function expectOnlyVictim(site: HalfDeadSite, run: Run, tree: string, { state, codes, withinMs }: Expected): void {
  expect(run.status, run.story).toBe(1);
  const finish = finishOf(run, victim);
  expect(finish.state, run.story).toBe(state);
  expect(codes, run.story).toContain(finish.code);
  expect(run.durationMs, run.story).toBeLessThan(withinMs);
  for (const name of site.names.filter((other) => other !== victim)) {
    expect(finishOf(run, name), run.story).toEqual({ state: 'promoted', code: undefined });
    expect(site.servedTree(name), `${name}\n${run.story}`).toBe(tree);
  }
}

/** Nothing is left behind, and the next push brings the victim up and touches nobody else. */
async function expectRecovery(site: HalfDeadSite, tree: string): Promise<void> {
  await site.settle(30_000);
  await site.heal(victim);
  const run = await site.push();
  expect(run.status, run.story).toBe(0);
  for (const name of site.names) {
    expect(finishOf(run, name).state, run.story).toBe(name === victim ? 'promoted' : 'unchanged');
    expect(site.servedTree(name), `${name}\n${run.story}`).toBe(tree);
  }
  await site.settle();
}

/** Does `deed` to the victim while agents are held at a point of a push. */
async function pushAndMeanwhile(site: HalfDeadSite, { at, on = victim }: Held, deed: () => void): Promise<Run> {
  const held = site.hold(on, at);
  const push = site.start(['push']);
  try {
    await held.reached();
    deed();
  } finally {
    held.release();
  }
  const run = await push.done;
  if (on !== victim) await site.heal(on);
  return run;
}

interface Held {
  readonly at: Fault;
  /** Default: the victim. */
  readonly on?: string;
}

describe.concurrent('a host with an agent of another version', () => {
  onFleet(
    'beside ours: left alone while it is young, taken away when nobody used it for a day; a damaged one of ours is sent anew',
    async (site) => {
      const directory = join(site.host(victim).agentCache, 'scap');
      const [ours = ''] = readdirSync(directory);
      const bytes = readFileSync(join(directory, ours));
      const [young, old] = [`agent-${'a'.repeat(64)}.mjs`, `agent-${'b'.repeat(64)}.mjs`];
      for (const name of [young, old]) writeFileSync(join(directory, name), 'throw new Error("not me");\n');
      const longAgo = new Date(Date.now() - 2 * 24 * 3_600_000);
      utimesSync(join(directory, old), longAgo, longAgo);
      const damaged = Buffer.from(bytes);
      damaged[1000] = (damaged[1000] as number) ^ 1;
      writeFileSync(join(directory, ours), damaged);
      const tree = site.stage();
      const run = await site.push();
      expect(run.status, run.story).toBe(0);
      expect(site.servedTree(victim)).toBe(tree);
      await site.settle();
      expect(readFileSync(join(directory, ours)).equals(bytes)).toBe(true);
      expect(readdirSync(directory).sort()).toEqual([ours, young].sort());
      rmSync(join(directory, young));
    },
  );

  onFleet('[B35] that runs and has the lock: target_busy when it does not let go in time', async (site) => {
    await site.settle();
    const other = join(site.dir, 'other-agent.mjs');
    writeFileSync(other, `${readFileSync(agentPath, 'utf8')}\n// another version\n`);
    const holder = await holdLock(site, other);
    try {
      const tree = site.stage();
      const run = await site.push();
      expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['target_busy'], withinMs: 60_000 });
      holder.stdin?.end();
      await expectRecovery(site, tree);
    } finally {
      holder.kill('SIGKILL');
    }
  });
});

/** Starts an agent over SSH and has it take the victim's lock, as a run of no new number. */
async function holdLock(site: HalfDeadSite, agent: string): Promise<ChildProcess> {
  const [program = '', ...words] = site.host(victim).sshArgv;
  const holder = spawn(program, [
    ...words,
    `exec ${process.execPath} ${agent} serve --cache ${cache} --live /srv/mediawiki`,
  ]);
  let said = '';
  holder.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const { fence } = JSON.parse(site.inMounts(victim, ['cat', `${cache}/state.json`]));
  holder.stdin.write(
    encodeMessage({ type: 'request', id: 1, verb: 'begin', params: { fence, reason: 'another run' } }),
  );
  await eventually(() => /"id":1,"ok":true/.test(said)).catch(() => {
    throw new Error(`the other agent did not begin: ${said}`);
  });
  return holder;
}

describe.concurrent('a host that stops', () => {
  onFleet('[B35] its agent (SIGSTOP) during fetch', async (site) => {
    const tree = site.stage();
    site.afflict(victim, { ...storesBundle, action: 'stop' });
    expectOnlyVictim(site, await site.push(), tree, { state: 'failed', codes: ['request_timeout'], withinMs: 25_000 });
    await expectRecovery(site, tree);
  });

  onFleet('[B35] its agent (SIGSTOP) during promote', async (site) => {
    const tree = site.stage();
    site.afflict(victim, { ...switches, action: 'stop' });
    expectOnlyVictim(site, await site.push(), tree, { state: 'failed', codes: ['request_timeout'], withinMs: 25_000 });
    await expectRecovery(site, tree);
  });

  onFleet('[B35] the server of its session (SIGSTOP) during fetch; its agent ends when that goes on', async (site) => {
    const tree = site.stage();
    const run = await pushAndMeanwhile(site, { at: storesBundle }, () => site.freezeSessions(victim));
    expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['connection_lost'], withinMs: 25_000 });
    await site.heal(victim);
    await expectRecovery(site, tree);
  });
});

describe.concurrent('a host whose packets are dropped both ways', () => {
  onFleet('[B34] [B35] from the start', async (site) => {
    const tree = site.stage();
    site.blackHole(victim);
    const expected = { state: 'unreachable', codes: ['connect_timeout'], withinMs: 20_000 } as const;
    expectOnlyVictim(site, await site.push(), tree, expected);
    await expectRecovery(site, tree);
  });

  onFleet('[B35] during fetch; its agent ends when packets pass again', async (site) => {
    const tree = site.stage();
    const run = await pushAndMeanwhile(site, { at: storesBundle }, () => site.blackHole(victim));
    expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['connection_lost'], withinMs: 25_000 });
    await site.heal(victim);
    await expectRecovery(site, tree);
  });

  onFleet('[B35] between fetch and promote', async (site) => {
    const tree = site.stage();
    const run = await pushAndMeanwhile(site, { at: switches, on: 'mw1' }, () => site.blackHole(victim));
    // When the loss is noticed before its turn comes, it is connected to anew, in vain.
    const { code } = finishOf(run, victim);
    const state = code === 'connect_timeout' ? 'unreachable' : 'failed';
    expectOnlyVictim(site, run, tree, { state, codes: ['connect_timeout', 'connection_lost'], withinMs: 25_000 });
    await site.heal(victim);
    await site.settle(30_000);
    // What was asked of it while nobody had noticed may arrive now, and then it is done: the run has said that nobody knows.
    if (state === 'unreachable' || site.servedTree(victim) !== tree) return expectRecovery(site, tree);
    const again = await site.push();
    expect(again.status, again.story).toBe(0);
    expect(
      again.events.filter(({ type }) => type === 'run.started'),
      again.story,
    ).toEqual([]);
    expect(site.servedTree(victim)).toBe(tree);
  });
});

describe.concurrent('a host that cannot write', () => {
  onFleet('[B24] a disk that fills during fetch', async (site) => {
    await site.settle();
    const small = '/srv/small';
    site.inMounts(victim, ['mkdir', '-p', small]);
    site.inMounts(victim, ['mount', '-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', small]);
    site.inMounts(victim, ['cp', '-a', `${cache}/.`, small]);
    site.inMounts(victim, ['mount', '--bind', small, cache]);
    const tree = site.stage(500_000);
    const fill = ['sh', '-c', `cat /dev/zero > ${cache}/fill 2>/dev/null || true`];
    const run = await pushAndMeanwhile(site, { at: storesBundle }, () => site.inMounts(victim, fill));
    expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['disk_full'], withinMs: 20_000 });
    site.inMounts(victim, ['rm', `${cache}/fill`]);
    await expectRecovery(site, tree);
    site.inMounts(victim, ['mount', '-o', 'remount,size=1g', cache]);
  });

  onFleet('[B24] a cache that is mounted read-only', async (site) => {
    await site.settle();
    const tree = site.stage();
    site.inMounts(victim, ['mount', '--bind', cache, cache]);
    site.inMounts(victim, ['mount', '-o', 'remount,ro,bind', cache]);
    const run = await site.push();
    expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['permission_denied'], withinMs: 20_000 });
    await site.settle();
    site.inMounts(victim, ['umount', cache]);
    await expectRecovery(site, tree);
  });

  onFleet("[B24] a cache that is somebody else's, for an agent without root's rights", async (site) => {
    await site.settle();
    const tree = site.stage();
    site.inMounts(victim, ['chown', '-R', '65534:65534', cache]);
    site.prefix(victim, withoutRights);
    const run = await site.push();
    expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['permission_denied'], withinMs: 20_000 });
    await site.settle();
    site.inMounts(victim, ['chown', '-R', '0:0', cache]);
    await expectRecovery(site, tree);
  });
});

describe.concurrent('a host whose clock is off', () => {
  for (const [what, ms] of [
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
  ] as const) {
    onFleet(`${what}: pushes succeed, skew is told by one clock, retention goes by the host's own`, async (site) => {
      await site.settle();
      site.preload(victim, `${clockPreload}?ms=${ms}`);
      const before = site.liveSha(victim) as string;
      site.configureTargets('keepRevisions: 2, graceTime: 10m');
      const shas: string[] = [];
      for (const target of [undefined, undefined, 'keepRevisions: 2, graceTime: 0s']) {
        if (target !== undefined) site.configureTargets(target);
        const tree = site.stage();
        const result = await site.json(0, 'push');
        expect(result.counts, JSON.stringify(result)).toMatchObject({ promoted: 4 });
        expect(result.skewMs, JSON.stringify(result)).toBeGreaterThanOrEqual(0);
        expect(result.skewMs, JSON.stringify(result)).toBeLessThan(5000);
        expect(site.servedTree(victim)).toBe(tree);
        await site.settle();
        shas.push(site.liveSha(victim) as string);
        if (shas.length === 2)
          expect(completeOn(site), 'young ones are kept').toEqual(expect.arrayContaining([before, ...shas]));
      }
      const complete = completeOn(site);
      expect(complete, 'live and previous are kept').toEqual(expect.arrayContaining(shas.slice(1)));
      expect(complete, 'without a grace time, older ones are not').not.toContain(shas[0]);
      await site.heal(victim);
      site.configureTargets('keepRevisions: 3, graceTime: 0s');
    });
  }
});

function completeOn(site: HalfDeadSite): string[] {
  return site
    .inMounts(victim, ['ls', `${cache}/meta`])
    .split('\n')
    .flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []));
}

describe.concurrent('a host on a bad cable, in the middle of the transfer', () => {
  for (const [what, mischief] of [
    ['a bit that flips', 'flip'],
    ['the connection cut', 'cut'],
    ['the connection half-open; its agent ends with it', 'stall'],
  ] as const satisfies readonly (readonly [string, Mischief])[]) {
    onFleet(`[B16] [B35] ${what}`, async (site) => {
      await site.settle();
      const tree = site.stage(2_000_000);
      const cable = await BadCable.lay(site.host(victim), mischief, 1_000_000);
      try {
        site.detour(victim, cable.port);
        const run = await site.push();
        expect(cable.hasStruck(), run.story).toBe(true);
        expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['connection_lost'], withinMs: 20_000 });
      } finally {
        cable.remove();
      }
      await expectRecovery(site, tree);
    });
  }

  onFleet('[B16] [I11] a bit that flips behind the encryption', async (site) => {
    await site.settle();
    const tree = site.stage(2_000_000);
    site.prefix(victim, [process.execPath, flipInput]);
    const run = await site.push();
    expectOnlyVictim(site, run, tree, { state: 'failed', codes: ['bundle_damaged'], withinMs: 20_000 });
    await expectRecovery(site, tree);
  });
});
