// Flattens a staging tree once and makes the revision the live one, in a process of its own, as a push does; prints how long that took.
//   flatten-once.ts STATE STAGING
import { mkdirSync } from 'node:fs';
import { prepareRevision } from '../../../../src/deploy/prepare-revision.ts';
import { createStateLayout } from '../../../../src/deploy/state-layout.ts';
import { createEventBus } from '../../../../src/events/event.ts';
import { liveRef, openDeployRepository } from '../../../../src/revision/deploy-repository.ts';
import { captureOptions } from './capture-options.ts';

const [state = '', staging = ''] = process.argv.slice(2);
const layout = createStateLayout(state);
mkdirSync(layout.work, { recursive: true });
const before = process.cpuUsage();
const startedAt = performance.now();
const repository = await openDeployRepository(layout.repo, { create: true });
const world = { layout, repository, bus: createEventBus() };
const { sha, created } = await prepareRevision(world, captureOptions(staging, new AbortController().signal));
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(before);
if (sha !== undefined) await repository.update(new Map([[liveRef, sha]]));
process.stdout.write(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, created }));
