// Ctrl-C, once and twice, while eight SSH hosts are being deployed to.
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Fleet } from '../../scripts/lib/fleet/fleet.mjs';
import { cleanUp, eventually, type Finished, killPid } from './support/site.ts';
import { expectHonestMarkers, expectOldOrNew } from './support/soundness.ts';
import { afterEvent, SshSite, stages, startHosts } from './support/ssh-site.ts';
import { Rolling } from './support/sweep.ts';

let fleet: Fleet;
let rolling: Rolling;
let site: SshSite;

beforeAll(async () => {
  fleet = await startHosts(8);
  site = new SshSite(fleet);
  rolling = new Rolling(site);
  for (let i = 0; i < 3; i++) await rolling.push();
});

afterAll(async () => {
  await fleet.stop();
  await cleanUp();
});

interface Event {
  readonly type: string;
  readonly stage?: string;
  readonly host?: string;
  readonly live?: string | null;
  readonly outcome?: string;
}

const parseEvents = (text: string): Event[] =>
  text.split('\n').flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Event] : []));

interface Moment {
  readonly stage: string;
  readonly tasks: number;
  readonly have: 'started' | 'finished';
}

const everything: readonly Moment[] = stages.flatMap(({ stage, tasks }) =>
  (['started', 'finished'] as const).flatMap((have) =>
    Array.from({ length: tasks }, (_, n): Moment => ({ stage, tasks: n + 1, have })),
  ),
);
const usual: readonly Moment[] = [
  { stage: 'fetch', tasks: 3, have: 'finished' },
  { stage: 'config', tasks: 1, have: 'finished' },
  { stage: 'promote:canary', tasks: 1, have: 'started' },
  { stage: 'promote:rest 1/3', tasks: 2, have: 'finished' },
  { stage: 'record', tasks: 1, have: 'started' },
  { stage: 'finalize', tasks: 2, have: 'finished' },
];

describe('Ctrl-C once, with eight SSH hosts', () => {
  it.each(process.env.SCAP_FAULTS === 'all' ? everything : usual)(
    '[B36] in $stage, when $tasks of its tasks have $have: nothing new starts, it says what is live where, the next push carries on',
    async ({ stage, tasks, have }) => {
      const where = `interrupted in ${stage}, when ${tasks} have ${have}`;
      const before = rolling.tree;
      const wanted = rolling.next();
      const fault = { ...afterEvent(`task.${have}`, stage, tasks), action: 'interrupt' };
      const ended = await site.scap(['push', '--events'], { fault });
      const story = `${where}: ${ended.status} ${ended.signal}\n${ended.stdout}\n${ended.stderr}`;
      const events = parseEvents(ended.stdout);
      expectNothingNew(events, story);
      expectOldOrNew(site, [before, wanted], story);
      const finished = events.at(-1);
      expect(finished?.type, story).toBe('run.finished');
      const isWhole = finished?.outcome === 'ok';
      // What was under way when the process came to look may have been the last there was to do.
      if (isWhole)
        expect(['record finished', 'finalize started', 'finalize finished'], story).toContain(`${stage} ${have}`);
      expect(ended.status, story).toBe(isWhole ? 0 : 130);
      expect(site.records().at(-1)?.outcome, story).toBe(isWhole ? 'ok' : 'interrupted');
      expectSaysWhatIsLive(events, ended, story);
      expect(ended.stderr, story).not.toMatch(/Internal error/);
      await site.settle();
      expectOldOrNew(site, [before, wanted], story);
      expectHonestMarkers(site, rolling.trees, story);
      await rolling.repair(story);
    },
  );
});

/** After the interrupt what runs ends, and neither a stage nor a task begins. */
function expectNothingNew(events: readonly Event[], story: string): void {
  const at = events.findIndex(({ type }) => type === 'interrupt.received');
  expect(at, story).toBeGreaterThan(0);
  const later = events.slice(at).filter(({ type }) => type === 'task.started' || type === 'stage.started');
  expect(later, story).toEqual([]);
}

function expectSaysWhatIsLive(events: readonly Event[], { stderr }: Finished, story: string): void {
  for (const host of site.hosts) {
    const said = events.find((event) => event.type === 'host.finished' && event.host === host);
    expect(said?.live, `${story}\n${host}`).toBe(site.liveSha(host));
    expect(stderr, story).toContain(site.liveSha(host).slice(0, 12));
  }
}

describe('Ctrl-C twice, with eight SSH hosts', () => {
  it.each(
    stages.filter(({ stage }) =>
      process.env.SCAP_FAULTS === 'all'
        ? stage !== 'record'
        : ['fetch', 'promote:rest 1/3', 'finalize'].includes(stage),
    ),
  )('[B36] in $stage: exits at once, what hangs ends when it can, the next push repairs', async ({ stage }) => {
    const where = `interrupted twice in ${stage}`;
    const before = rolling.tree;
    const wanted = rolling.next();
    const run = site.start(['push', '--events'], { fault: { ...afterEvent('stage.started', stage), action: 'stop' } });
    onTestFinished(() => run.kill());
    await eventually(() => isStopped(run.pid));
    // A host of each batch stands still, so that the run would wait for it.
    const hung = ['mw1', 'mw3', 'mw6', 'mw8'];
    const frozen = hung.flatMap((host) => site.agentsOn(host));
    expect(frozen).toHaveLength(hung.length);
    for (const pid of frozen) killPid(pid, 'SIGSTOP');
    killPid(run.pid, 'SIGCONT');
    await run.until(new RegExp(`"type":"task.started".*"stage":"${stage}"`));
    killPid(run.pid, 'SIGINT');
    await run.until(/"type":"interrupt.received"/);
    const insistedAt = Date.now();
    killPid(run.pid, 'SIGINT');
    const ended = await run.done;
    const story = `${where}: ${ended.status} ${ended.signal}\n${ended.stdout}\n${ended.stderr}`;
    expect(Date.now() - insistedAt, story).toBeLessThan(2000);
    expect(ended.status, story).toBe(130);
    expectNothingNew(parseEvents(ended.stdout), story);
    const others = site.hosts.filter((host) => !hung.includes(host));
    await eventually(() => others.every((host) => site.processesOn(host).length === 0), 20_000);
    expectOldOrNew(site, [before, wanted], story);
    for (const pid of frozen) killPid(pid, 'SIGCONT');
    await eventually(() => site.processes().length === 0, 20_000);
    expectOldOrNew(site, [before, wanted], story);
    expectHonestMarkers(site, rolling.trees, story);
    await rolling.repair(story);
    expect(site.records().filter(({ outcome }) => outcome === 'aborted').length, story).toBeGreaterThan(0);
  });
});

function isStopped(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && readFileSync(path, 'utf8').split(') ').at(-1)?.startsWith('T') === true;
}
