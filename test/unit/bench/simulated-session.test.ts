import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SimulatedSession } from '../../../scripts/lib/bench/simulated/simulated-session.ts';
import { SimulatedTarget } from '../../../scripts/lib/bench/simulated/simulated-target.ts';
import { timeNow } from '../../../src/transport/clock-relation.ts';
import type { AgentNotice } from '../../../src/transport/protocol.ts';
import { sha } from '../../support/deploy-facts.ts';

const [one, two] = [sha('a'), sha('b')];
const bytes = Buffer.from('a bundle');
const bundle = createHash('sha256').update(bytes).digest('hex');

/** A connection to a target, on which a run has begun. */
async function begun(target: SimulatedTarget, fence = 1) {
  const session = new SimulatedSession(target, { delayMs: 0, notices: 2, roundTripMs: 0 });
  const notices: AgentNotice[] = [];
  const { signal } = new AbortController();
  const call = (verb: string, params: Record<string, unknown>) =>
    session.call(verb, { params, signal, notify: (notice) => notices.push(notice) });
  const stage = (name: string, params: Record<string, unknown>) => call('stage', { stage: name, fence, ...params });
  await call('begin', { fence, run: `run-${fence}` });
  const receive = () => {
    const receiver = session.receive('receive', { sha256: bundle });
    receiver.push(bytes);
    receiver.finish();
  };
  return { call, stage, receive, notices };
}

const refusal = (code: string) => expect.objectContaining({ name: 'ScapError', code });

describe('a simulated target', () => {
  it('serves what it was sent and told to, and remembers it for the next connection', async () => {
    const target = new SimulatedTarget();
    const { call, stage, receive, notices } = await begun(target);
    receive();
    expect(await stage('fetch', { revision: one, bundle })).toMatchObject({ result: 'recycle' });
    expect(notices).toHaveLength(2);
    expect(await stage('promote', { revision: one })).toMatchObject({ previous: null, changed: true });
    expect(await stage('promote', { revision: one })).toMatchObject({ previous: one, changed: false });
    expect(await call('confirm', { revision: one })).toEqual({ confirmed: true });
    const next = await begun(target, 2);
    expect(await next.call('probe', {})).toMatchObject({
      live: { kind: 'revision', sha: one },
      complete: [{ sha: one }],
      held: [one],
      fence: 2,
    });
    expect(await next.stage('fetch', { revision: one })).toMatchObject({ result: 'present' });
  });

  it('switches at the moment it is told and keeps quiet afterwards', async () => {
    const { stage, receive } = await begun(new SimulatedTarget());
    receive();
    await stage('fetch', { revision: one, bundle });
    const at = timeNow() + 60;
    const { swappedAt } = (await stage('promote', { revision: one, at, quietMs: 40 })) as { swappedAt: number };
    expect(swappedAt).toBeGreaterThan(at - 3);
    expect(timeNow() - swappedAt).toBeGreaterThan(37);
  });

  it('does not wait for a moment out of reason', async () => {
    const { stage, receive } = await begun(new SimulatedTarget());
    receive();
    await stage('fetch', { revision: one, bundle });
    const askedAt = timeNow();
    await stage('promote', { revision: one, at: askedAt + 60_000 });
    expect(timeNow() - askedAt).toBeLessThan(2000);
  });

  it('prunes by the rule it is given', async () => {
    const target = new SimulatedTarget();
    const { stage, receive } = await begun(target);
    receive();
    for (const revision of [one, two, sha('c')]) {
      await stage('fetch', { revision, bundle });
      await stage('promote', { revision });
    }
    expect(await stage('finalize', { keep: 1, graceMs: 0 })).toEqual({ pruned: [one], kept: 2 });
  });

  it('refuses what a real one refuses', async () => {
    const target = new SimulatedTarget();
    const { stage } = await begun(target, 3);
    await expect(begun(target, 2)).rejects.toThrow(refusal('fence_stale'));
    await expect(stage('fetch', { revision: one, bundle })).rejects.toThrow(refusal('base_missing'));
    await expect(stage('promote', { revision: one })).rejects.toThrow(refusal('revision_incomplete'));
    await expect(stage('nonsense', {})).rejects.toThrow(refusal('usage'));
    const stranger = new SimulatedSession(target, { delayMs: 0, notices: 0, roundTripMs: 0 });
    expect(() => stranger.receive('receive', { sha256: bundle })).toThrow(refusal('protocol_violation'));
  });
});
