// kill -9 of the deploy host's process while it works on eight hosts over SSH: nobody tells the agents, they have to notice.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fleet } from '../../scripts/lib/fleet/fleet.mjs';
import { cleanUp, eventually, type Finished, killPid } from './support/site.ts';
import { afterEvent, SshSite, stages, startHosts } from './support/ssh-site.ts';
import { Rolling } from './support/sweep.ts';

let fleet: Fleet;
let rolling: Rolling;
let site: SshSite;

beforeAll(async () => {
  fleet = await startHosts(8);
  site = new SshSite(fleet);
  rolling = new Rolling(site);
  for (let i = 0; i < 4; i++) await rolling.push();
});

afterAll(async () => {
  await fleet.stop();
  await cleanUp();
});

interface Moment {
  readonly stage: string;
  readonly at: 'its start' | 'work on all hosts' | 'some hosts done';
  /** How often `stage` says that a task is done until then. */
  readonly done?: number;
}

const everything: readonly Moment[] = stages.flatMap(({ stage, tasks }): Moment[] => [
  { stage, at: 'its start' },
  { stage, at: 'work on all hosts' },
  ...Array.from({ length: tasks }, (_, n): Moment => ({ stage, at: 'some hosts done', done: n + 1 })),
]);

const usual: readonly Moment[] = [
  { stage: 'fetch', at: 'work on all hosts' },
  { stage: 'fetch', at: 'some hosts done', done: 4 },
  { stage: 'config', at: 'some hosts done', done: 4 },
  { stage: 'promote:canary', at: 'its start' },
  { stage: 'promote:rest 1/3', at: 'work on all hosts' },
  { stage: 'promote:rest 2/3', at: 'some hosts done', done: 2 },
  { stage: 'record', at: 'some hosts done', done: 1 },
  { stage: 'finalize', at: 'work on all hosts' },
];

async function strikeAt({ stage, at, done = 1 }: Moment): Promise<Finished> {
  if (at === 'its start') return site.scap(['push'], { fault: afterEvent('stage.started', stage, 1) });
  if (at === 'some hosts done') return site.scap(['push'], { fault: afterEvent('task.finished', stage, done) });
  // It stands still when the requests are out, so that the hosts work on, and is gone before it has heard of any.
  const tasks = stages.find((one) => one.stage === stage)?.tasks ?? 1;
  const running = site.start(['push', '--events'], {
    fault: { ...afterEvent('task.started', stage, tasks), action: 'delay', ms: 0 },
  });
  await running.until(new RegExp(`("type":"task.started".*"stage":"${stage}"[^]*){${tasks}}`));
  killPid(running.pid);
  return running.done;
}

describe("kill -9 of the deploy host's process, with eight SSH hosts", () => {
  it.each(process.env.SCAP_FAULTS === 'all' ? everything : usual)(
    '[I5] [B23] [B54] in $stage, at $at: old or new is live, agents end, the next push repairs',
    async (moment) => {
      const where = `killed in ${moment.stage}, at ${moment.at}`;
      let killed = 0;
      const struck = await rolling.strike(where, async () => {
        const finished = await strikeAt(moment);
        killed = latestRun();
        await eventually(() => site.hosts.every((host) => site.agentsOn(host).length === 0), 20_000);
        return finished;
      });
      expect(struck.signal, `${where}\n${struck.stdout}\n${struck.stderr}`).toBe('SIGKILL');
      const records = site.records();
      expect(records.find(({ n }) => n === killed)?.outcome, where).toBe('aborted');
      expect(new Set(records.map(({ n }) => n)).size, 'every run has one record').toBe(records.length);
    },
  );
});

/** The number of the newest run that has a log. */
function latestRun(): number {
  return Math.max(...readdirSync(join(site.state, 'logs')).map((name) => Number(name.split('-')[0])));
}
