import { describe, expect, it } from 'vitest';
import { ScapError } from '../../../../src/core/errors.ts';
import type { Sha } from '../../../../src/core/sha.ts';
import { createNeighbours } from '../../../../src/deploy/distribution/neighbours.ts';
import type { Fleet, FleetMember } from '../../../../src/deploy/fleet.ts';
import { createEventBus, type ScapEvent } from '../../../../src/events/event.ts';
import type { Host } from '../../../../src/inventory/host.ts';
import { hostName } from '../../../support/deploy-facts.ts';

const revision = 'a'.repeat(40) as Sha;
const other = 'b'.repeat(40) as Sha;
const blob = { sha256: 'c'.repeat(64), sizeBytes: 5 };

const host = (name: string, labels: Record<string, string>) => ({ name: hostName(name), labels }) as unknown as Host;
const newHost = host('new', { site: 'n', rack: '2' });

interface World {
  /** Of the run, with the revisions that are complete there. */
  readonly inRun?: readonly (readonly [Host, readonly Sha[]])[];
  /** Not of the run, with what they were last seen to serve. */
  readonly others?: readonly (readonly [Host, Sha])[];
  /** Cannot make a bundle. */
  readonly broken?: readonly string[];
}

function neighboursIn({ inRun = [], others = [], broken = [] }: World) {
  const asked: string[] = [];
  const closed: string[] = [];
  const events: ScapEvent[] = [];
  const bus = createEventBus();
  bus.listen((event) => events.push(event));
  const begun = async (name: string) => {
    asked.push(name);
    const request = async () => {
      if (broken.includes(name)) throw new ScapError('disk_full', 'Cannot write');
      return blob;
    };
    return { request };
  };
  const fleetOf = (members: readonly (readonly [Host, readonly Sha[]])[], name: string) =>
    ({
      survey: async () => members.map(([each, complete]) => ({ host: each, report: { complete } }) as FleetMember),
      begun,
      [Symbol.asyncDispose]: async () => void closed.push(name),
    }) as unknown as Fleet;
  const neighbours = createNeighbours({
    fleet: fleetOf([[newHost, []], ...inRun], 'run'),
    hosts: [newHost, ...inRun.map(([each]) => each), ...others.map(([each]) => each)],
    readLastSeen: () => new Map(others.map(([each, live]) => [each.name, { live }])),
    openFleet: ([only]) => fleetOf([], only?.name ?? 'nobody'),
    admission: { fence: 1, run: 'run', reason: 'test' },
    listening: { ports: { first: 8730, last: 8790 }, bytesPerSecond: 0, carrier: 'relay' },
    timeoutMs: 1000,
    bus,
    signal: new AbortController().signal,
  });
  return { neighbours, asked, closed, events };
}

describe('createNeighbours()', () => {
  it('[I12] asks the nearest of those that have the revision, once for a site', async () => {
    const { neighbours, asked } = neighboursIn({
      inRun: [
        [host('far', { site: 's' }), [revision]],
        [host('site', { site: 'n', rack: '1' }), [revision]],
        [host('rack', { site: 'n', rack: '2' }), [revision]],
        [host('behind', { site: 'n', rack: '2' }), [other]],
      ],
    });
    const found = await Promise.all([
      neighbours.find(revision, newHost),
      neighbours.find(revision, host('new2', { site: 'n' })),
    ]);
    expect(found.map((origin) => origin?.host.name)).toEqual(['rack', 'rack']);
    expect(found[0]?.blob).toEqual(blob);
    expect(asked).toEqual(['rack']);
  });

  it('asks hosts outside of the run for what they were last seen to serve, and lets go of them at the end', async () => {
    const { neighbours, asked, closed } = neighboursIn({
      others: [
        [host('old', { site: 'n' }), other],
        [host('has', { site: 'n' }), revision],
      ],
    });
    expect((await neighbours.find(revision, newHost))?.host.name).toBe('has');
    await neighbours[Symbol.asyncDispose]();
    expect([asked, closed]).toEqual([['has'], ['has']]);
  });

  it('asks another when one cannot, two at most, and says so', async () => {
    const inRun = ['w1', 'w2', 'w3'].map((name) => [host(name, { site: 'n' }), [revision]] as const);
    const { neighbours, events } = neighboursIn({ inRun, broken: ['w1'] });
    expect((await neighbours.find(revision, newHost))?.host.name).toBe('w2');
    expect(events).toMatchObject([{ type: 'neighbour.failed', host: 'w1', error: { code: 'disk_full' } }]);
    const none = neighboursIn({ inRun, broken: ['w1', 'w2'] });
    expect(await none.neighbours.find(revision, newHost)).toBe(undefined);
    expect(none.asked).toEqual(['w1', 'w2']);
  });

  it('finds nobody for a host without a site: what is not labelled is near nothing', async () => {
    const { neighbours, asked } = neighboursIn({ inRun: [[host('w1', {}), [revision]]] });
    expect(await neighbours.find(revision, host('new', { rack: '1' }))).toBe(undefined);
    expect(asked).toEqual([]);
  });
});
