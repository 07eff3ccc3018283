// SSH hosts that die: before a push, in the middle of it, at its end. As many as the budget allows, and one more.
import { lstatSync, readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finishOf, HalfDeadSite, type Run } from './support/half-dead-site.ts';
import { cleanUp, eventually } from './support/site.ts';

const canary = 'mw1';
const doomed = ['mw6', 'mw7', 'mw8'];
const oneMore = ['mw5', ...doomed];

let site: HalfDeadSite;

beforeAll(async () => {
  site = await HalfDeadSite.start({
    hosts: 8,
    mode: 'plain',
    ssh: 'connectTimeout: 5s, keepAlive: 1s',
    config: [
      'timeouts: {connect: 10s, fetch: 20s, promote: 20s, finalize: 20s}',
      'groups: [{name: canary, hosts: [mw1], failureBudget: 0}, {name: rest, hosts: ["*"], failureBudget: 3}]',
    ],
  });
  site.configureTargets('keepRevisions: 2, graceTime: 0s');
  for (let i = 0; i < 3; i++) await pushesEverywhere();
});

afterAll(async () => {
  await site.fleet.stop();
  await cleanUp();
});

const others = (dead: readonly string[]) => site.names.filter((name) => !dead.includes(name));

async function pushesEverywhere(): Promise<string> {
  const tree = site.stage();
  const run = await site.push();
  expect(run.status, run.story).toBe(0);
  expectServed(site.names, tree, run);
  await site.settle();
  return tree;
}

function expectServed(names: readonly string[], tree: string | undefined, run: Run): void {
  for (const name of names) expect(site.servedTree(name), `${name}\n${run.story}`).toBe(tree);
}

function expectFinish(run: Run, names: readonly string[], state: string, codes: readonly (string | undefined)[]): void {
  for (const name of names) {
    const finish = finishOf(run, name);
    expect(finish.state, `${name}\n${run.story}`).toBe(state);
    expect(codes, `${name}\n${run.story}`).toContain(finish.code);
  }
}

/** Kills servers, sessions and agents, and waits until this machine's end of every connection is closed. */
async function kill(names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => site.host(name).stop()));
  await eventually(() => !names.some(isConnectedTo), 20_000);
}

/** What ends at a host that was killed is in one of these states until this machine's end has been closed: established, or waiting for that. */
const open = ['01', '08'];

function isConnectedTo(name: string): boolean {
  const { address, port } = site.host(name);
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  const bytes = address.split('.').map((byte) => hex(Number(byte), 2));
  const remote = `${(endianness() === 'LE' ? bytes.reverse() : bytes).join('')}:${hex(port, 4)}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').trimEnd().split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .some(([, , to, state = '']) => to === remote && open.includes(state));
}

/** The dead come back: they are behind, and a push brings up them and touches nobody else. */
async function expectReturn(dead: readonly string[], tree: string, { behind = dead } = {}): Promise<void> {
  for (const name of dead) await site.heal(name);
  const status = await site.json(1, 'status');
  const states = status.hosts.map(({ host, state }: { host: string; state: string }) => [host, state]);
  expect(states).toEqual(site.names.map((name) => [name, behind.includes(name) ? 'behind' : 'current']));
  await site.settle();
  const links = () => others(dead).map((name) => lstatSync(site.host(name).live, { bigint: true }).ctimeNs);
  const before = links();
  const run = await site.push();
  expect(run.status, run.story).toBe(0);
  expectFinish(run, behind, 'promoted', [undefined]);
  expectFinish(run, others(behind), 'unchanged', [undefined]);
  expectServed(site.names, tree, run);
  expect(links()).toEqual(before);
  await site.settle();
}

describe('3 of 8 hosts die, which is what the budget allows', () => {
  it('[B31] [B34] before the push: the others are promoted, the dead are named, and are brought up when they return', async () => {
    await kill(doomed);
    const tree = site.stage();
    const run = await site.push();
    expect(run.status, run.story).toBe(1);
    expectFinish(run, doomed, 'unreachable', ['connection_refused']);
    expectFinish(run, others(doomed), 'promoted', [undefined]);
    expectServed(others(doomed), tree, run);
    const status = await site.json(1, 'status');
    expect(status.counts).toEqual({ current: 5, unreachable: 3 });
    await expectReturn(doomed, tree);
  });

  it('[B31] [B34] between fetch and promote', async () => {
    const tree = site.stage();
    const held = site.hold(canary, { op: 'renameSync', match: '/live$' });
    const push = site.start(['push']);
    await held.reached();
    await kill(doomed);
    held.release();
    const run = await push.done;
    await site.heal(canary);
    expect(run.status, run.story).toBe(1);
    expectFinish(run, doomed, 'unreachable', ['connection_refused']);
    expectFinish(run, others(doomed), 'promoted', [undefined]);
    expectServed(others(doomed), tree, run);
    await expectReturn(doomed, tree);
  });

  it('[B32] after the switch, before they could say so: each is named as failed, and turns out to serve the new revision', async () => {
    const before = site.servedTree(canary);
    const tree = site.stage();
    const held = doomed.map((name) => site.hold(name, { op: 'renameSync', match: '/live$', when: 'after' }));
    const push = site.start(['push']);
    for (const { reached } of held) await reached();
    await kill(doomed);
    const run = await push.done;
    expect(run.status, run.story).toBe(1);
    expectFinish(run, doomed, 'failed', ['connection_lost']);
    expectFinish(run, others(doomed), 'promoted', [undefined]);
    expectServed(site.names, tree, run);
    expect(tree).not.toBe(before);
    for (const name of doomed) await site.heal(name);
    const status = await site.json(0, 'status');
    expect(status.counts).toEqual({ current: 8 });
    await site.settle();
  });

  it('after promote, before finalize has ended: they are promoted, with what they did not finish', async () => {
    const tree = site.stage();
    const held = doomed.map((name) => site.hold(name, { op: 'renameSync', match: 'revs/[0-9a-f]{40} \\S*/work/' }));
    const push = site.start(['push']);
    for (const { reached } of held) await reached();
    await push.stageFinished('promote:rest');
    await kill(doomed);
    const run = await push.done;
    expect(run.status, run.story).toBe(1);
    expectFinish(run, doomed, 'promoted', ['connection_lost']);
    expectFinish(run, others(doomed), 'promoted', [undefined]);
    expectServed(site.names, tree, run);
    for (const name of doomed) await site.heal(name);
    const status = await site.json(0, 'status');
    expect(status.counts).toEqual({ current: 8 });
    await site.settle();
  });
});

describe('4 of 8 hosts die, which is one more', () => {
  it('[B31] before the push: nothing is promoted, exit status 5', async () => {
    const before = site.servedTree(canary);
    await kill(oneMore);
    site.stage();
    const run = await site.push();
    expect(run.status, run.story).toBe(5);
    expectFinish(run, oneMore, 'unreachable', ['connection_refused']);
    expectFinish(run, others(oneMore), 'not-attempted', [undefined]);
    expectServed(site.names, before, run);
    for (const name of oneMore) await site.heal(name);
  });

  it('[B31] [B32] between fetch and promote: whoever was promoted goes back, the dead are named, exit status 5', async () => {
    const before = site.servedTree(canary);
    site.stage();
    const held = site.hold(canary, { op: 'renameSync', match: '/live$' });
    const push = site.start(['push']);
    await held.reached();
    await kill(oneMore);
    held.release();
    const run = await push.done;
    await site.heal(canary);
    expect(run.status, run.story).toBe(5);
    expectFinish(run, oneMore, 'unreachable', ['connection_refused']);
    expect(finishOf(run, canary).state, run.story).toBe('rolled-back');
    for (const name of others(oneMore)) expect(['rolled-back', 'not-attempted']).toContain(finishOf(run, name).state);
    expectServed(site.names, before, run);
    for (const name of oneMore) await site.heal(name);
    await site.settle();
  });

  it('[B32] after the switch: all who answer go back, the dead are named as not rolled back, exit status 6; back again, a push brings all up', async () => {
    const before = site.servedTree(canary);
    const tree = site.stage();
    const held = oneMore.map((name) => site.hold(name, { op: 'renameSync', match: '/live$', when: 'after' }));
    const push = site.start(['push']);
    for (const { reached } of held) await reached();
    await kill(oneMore);
    const run = await push.done;
    expect(run.status, run.story).toBe(6);
    expectFinish(run, oneMore, 'failed', ['connection_refused']);
    for (const name of others(oneMore)) expect(finishOf(run, name).state, run.story).toBe('rolled-back');
    expectServed(others(oneMore), before, run);
    expectServed(oneMore, tree, run);
    for (const name of oneMore) await site.heal(name);
    const repaired = await site.push();
    expect(repaired.status, repaired.story).toBe(0);
    expectServed(site.names, tree, repaired);
    await site.settle();
  });
});
