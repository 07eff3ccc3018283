// Targets that stop answering, tools that hang, bytes that flip on the way.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { serveAgent } from '../../src/target/agent.ts';
import { createTargetLayout } from '../../src/target/layout.ts';
import { createTargetSession } from '../../src/target/session.ts';
import { stockStages } from '../../src/target/stages/registry.ts';
import { encodeMessage } from '../../src/transport/protocol.ts';
import { cleanUp, eventually, type Fault, listProcesses, makeDirectory, Site, stage } from './support/site.ts';
import { expectOldOrNew, expectRepaired, servedTree } from './support/soundness.ts';

const timeouts = 'timeouts: {fetch: 2s, promote: 1s, finalize: 2s, connect: 2s}';

afterEach(cleanUp);

async function preparedSite(config = timeouts) {
  const site = new Site({ config, keepRevisions: 2 });
  let before = '';
  for (let n = 0; n < 3; n++) {
    before = stage(site.staging, n);
    await site.ok(['push']);
  }
  await site.settle();
  return { site, before, after: stage(site.staging, 3) };
}

const hangs: readonly { readonly at: string; readonly fault: Fault; readonly deadlineMs: number }[] = [
  { at: 'connecting', fault: { op: 'spawn', match: 'git --version' }, deadlineMs: 2000 },
  { at: 'the probe', fault: { op: 'spawn', match: 'for-each-ref' }, deadlineMs: 2000 },
  { at: 'fetch', fault: { op: 'spawn', match: 'index-pack' }, deadlineMs: 2000 },
  { at: 'promote, before the switch', fault: { op: 'renameSync', match: '/live$' }, deadlineMs: 1000 },
  { at: 'promote, after the switch', fault: { op: 'renameSync', match: '/live$', when: 'after' }, deadlineMs: 1000 },
];

describe('an agent that hangs (SIGSTOP)', () => {
  it.each(hangs)(
    '[B35] [B32] at $at meets its deadline, is ended, and leaves every host on what it served',
    async ({ fault, deadlineMs }) => {
      const { site, before, after } = await preparedSite();
      const once = join(site.dir, 'hung');
      const ended = await site.scap(['push'], {
        fault: { ...fault, role: 'agent', host: 'web2', action: 'stop', once },
      });
      const story = `${ended.stdout}\n${ended.stderr}`;
      expect(ended.status, story).toBe(5);
      expect(ended.durationMs, story).toBeGreaterThanOrEqual(deadlineMs);
      expect(ended.durationMs, story).toBeLessThan(deadlineMs + 6000);
      expect(story).toMatch(/web2/);
      expect(story).toMatch(/no answer after/);
      expectOldOrNew(site, [before], story);
      await eventually(() => site.processes().length === 0, 5000);
      await site.ok(['push']);
      await site.settle();
      expectOldOrNew(site, [after], story);
    },
  );

  it('[B35] [B31] costs only its own host when one may fail', async () => {
    const group = 'groups: [{name: all, hosts: ["*"], failureBudget: 1}]';
    const { site, before, after } = await preparedSite(`${timeouts}\n${group}`);
    const ended = await site.scap(['push'], {
      fault: { role: 'agent', host: 'web2', action: 'stop', op: 'spawn', match: 'index-pack' },
    });
    expect(ended.status, ended.stderr).toBe(1);
    expect(site.hosts.map((host) => servedTree(site, host))).toEqual([after, before, after]);
    await eventually(() => site.processes().length === 0, 5000);
    await site.ok(['push']);
    await expectRepaired(site, after, 'after the repair');
  });
});

/** A PATH whose git hangs on web2 while it stores what it received, and nowhere else. */
function pathWithHangingGit(site: Site): string {
  const bin = join(site.dir, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh\ncase "$GIT_DIR $*" in */web2/*index-pack*) exec sleep 300 ;; esac\nPATH=\${PATH#*:} exec git "$@"\n`,
  );
  chmodSync(join(bin, 'git'), 0o755);
  return `${bin}:${process.env.PATH}`;
}

describe('a tool that hangs on a target', () => {
  it.each([
    ['its agent stopped (SIGSTOP)', 'stop'],
    ['its agent killed (SIGKILL)', 'kill'],
  ])('[B35] with %s: the deploy host ends both, and nothing of them is left', async (_what, action) => {
    const { site, before, after } = await preparedSite();
    const mark = join(site.dir, 'struck');
    const ended = await site.scap(['push'], {
      env: { PATH: pathWithHangingGit(site) },
      fault: { role: 'agent', host: 'web2', action, op: 'spawn', match: 'index-pack', when: 'after', mark },
    });
    expect(ended.status, ended.stderr).toBe(5);
    expect(existsSync(mark), 'the agent was struck').toBe(true);
    await eventually(() => listProcesses(site.dir).length === 0, 6000);
    expectOldOrNew(site, [before], 'after the hang');
    await site.ok(['push']);
    await expectRepaired(site, after, 'after the repair');
  });

  it('[B35] meets the deadline of its stage, and leaves no process behind', async () => {
    const { site, before, after } = await preparedSite();
    const ended = await site.scap(['push'], { env: { PATH: pathWithHangingGit(site) } });
    expect(ended.status, ended.stderr).toBe(5);
    expect(ended.durationMs).toBeLessThan(8000);
    await eventually(() => listProcesses(site.dir).length === 0, 6000);
    expectOldOrNew(site, [before], 'after the hang');
    await site.ok(['push']);
    await expectRepaired(site, after, 'after the repair');
  });
});

describe('a bundle whose bytes flip on the way', () => {
  it('[B16] [I11] is refused as bundle_damaged, and nothing of it is stored', async () => {
    const dir = makeDirectory();
    const layout = createTargetLayout(join(dir, 'cache'), join(dir, 'live'));
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    let text = '';
    stdout.on('data', (piece: Buffer) => {
      text += piece.toString('utf8');
    });
    const served = serveAgent(createTargetSession(layout, stockStages()), { stdin, stdout, versions: {} });
    const bundle = Buffer.from('# v2 git bundle\nwhatever follows it');
    const sha256 = createHash('sha256').update(bundle).digest('hex');
    const damaged = Buffer.from(bundle);
    damaged[20] = (damaged[20] as number) ^ 1;
    stdin.write(encodeMessage({ type: 'request', id: 1, verb: 'begin', params: { fence: 1 } }));
    await eventually(() => /"id":1,"ok":true/.test(text));
    stdin.write(
      encodeMessage({ type: 'request', id: 2, verb: 'receive', params: { sha256 }, payloadBytes: damaged.length }),
    );
    for (const byte of damaged) stdin.write(Buffer.of(byte));
    await eventually(() => /"id":2,"ok"/.test(text));
    const reply = JSON.parse(text.split('\n').find((line) => line.includes('"id":2,"ok"')) as string);
    expect(reply.error.code).toBe('bundle_damaged');
    expect(readdirSync(layout.work)).toEqual([]);
    expect(existsSync(layout.bundle(sha256))).toBe(false);

    // The same connection goes on working: the undamaged one is taken.
    stdin.write(
      encodeMessage({ type: 'request', id: 3, verb: 'receive', params: { sha256 }, payloadBytes: bundle.length }),
    );
    stdin.write(bundle);
    await eventually(() => /"id":3,"ok":true/.test(text));
    expect(readFileSync(layout.bundle(sha256))).toEqual(bundle);

    // Cut off in the middle: nothing but the whole one from before is there.
    stdin.write(
      encodeMessage({
        type: 'request',
        id: 4,
        verb: 'receive',
        params: { sha256: 'f'.repeat(64) },
        payloadBytes: 1000,
      }),
    );
    stdin.end(bundle);
    await served;
    expect(readdirSync(layout.work)).toEqual([`bundle-${sha256}`]);
  });
});
