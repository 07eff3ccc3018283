/**
 * How what is known changes: by what targets and relays report, and by the steps that were taken. Pure. Reports may come late: one about
 * a copy that was ended meanwhile changes nothing but the bytes that did arrive.
 */
import type { HostName } from '../../core/host-name.ts';
import { deployHost, type Fanout, type FanoutHost, type Source } from './fanout.ts';
import { nearnessOf } from './nearness.ts';
import type { FanoutStep } from './schedule.ts';

export type FanoutReport =
  /** The target holds the blob's first `offset` bytes; `rate` in bytes per second, once there was time to measure it. */
  | { readonly type: 'received'; readonly host: HostName; readonly offset: number; readonly rate?: number }
  /** The target holds the blob and has checked its hash. */
  | { readonly type: 'whole'; readonly host: HostName }
  /** The copy ended early. What had arrived is kept. */
  | { readonly type: 'broken'; readonly host: HostName; readonly from: Source }
  /**
   * All bytes arrived and their hash is another. They are thrown away: the one way in which an offset goes back. `from` is whom the copy was from,
   * by default whom the target is receiving from.
   */
  | { readonly type: 'corrupt'; readonly host: HostName; readonly from?: Source }
  /** The target's control connection is lost. For this run it is lost with it. */
  | { readonly type: 'gone'; readonly host: HostName };

/** Reports about hosts that are unknown or have failed change nothing. O(hosts + reports). */
export function applyReports(fanout: Fanout, reports: readonly FanoutReport[]): Fanout {
  const draft: Draft = { ...fanout, hosts: new Map(fanout.hosts), bestRates: [...fanout.bestRates] };
  for (const report of reports) {
    const host = draft.hosts.get(report.host);
    if (host !== undefined && host.status !== 'failed') applyReport(draft, host, report);
  }
  return draft;
}

/** Takes a step as done: what it dropped waits, what it assigned is receiving, whom it gave up has failed. O(hosts). */
export function applyStep(fanout: Fanout, { giveUp, drop, assign }: FanoutStep): Fanout {
  const hosts = new Map(fanout.hosts);
  let losses = fanout.losses;
  const change = (name: HostName, changes: (host: FanoutHost) => Partial<FanoutHost>) => {
    const host = hosts.get(name);
    if (host !== undefined) hosts.set(name, { ...host, ...changes(host) });
  };
  for (const name of giveUp) change(name, () => ({ ...ended, status: 'failed', loss: 'given-up' }));
  for (const { to, from, why } of drop) {
    const blamed = ({ slowness, tried }: FanoutHost) => ({ slowness: slowness + 1, tried: new Set([...tried, from]) });
    change(to, (host) => ({ ...ended, status: 'waiting', ...(why === 'slow' && blamed(host)) }));
    if (why !== 'slow') continue;
    if (from === deployHost) losses += 1;
    else change(from, ({ slowness }) => ({ slowness: slowness + 1 }));
  }
  for (const { to, from } of assign) change(to, () => ({ ...ended, status: 'receiving', from }));
  return { ...fanout, hosts, losses };
}

const ended = { from: undefined, rate: undefined } as const;

interface Draft extends Omit<Fanout, 'hosts' | 'bestRates' | 'sentBytes' | 'losses'> {
  readonly hosts: Map<HostName, FanoutHost>;
  readonly bestRates: (number | undefined)[];
  sentBytes: number;
  losses: number;
}

function applyReport(draft: Draft, host: FanoutHost, report: FanoutReport): void {
  switch (report.type) {
    case 'received':
      receive(draft, host, report.offset, report.rate);
      return;
    case 'whole':
      receive(draft, host, draft.blob.sizeBytes, undefined);
      draft.hosts.set(host.name, { ...host, ...ended, status: 'whole', offset: draft.blob.sizeBytes });
      return;
    case 'broken':
      if (host.status === 'receiving' && host.from === report.from) fail(draft, host, {});
      return;
    case 'corrupt':
      if (host.status === 'receiving' && (report.from ?? host.from) === host.from)
        fail(draft, host, { offset: 0, wasCorrupt: true });
      else if (host.status !== 'whole') draft.hosts.set(host.name, { ...host, offset: 0, wasCorrupt: true });
      return;
    case 'gone':
      draft.losses += 1;
      draft.hosts.set(host.name, { ...host, ...ended, status: 'failed', loss: 'gone' });
  }
}

function receive(draft: Draft, host: FanoutHost, reported: number, rate: number | undefined): void {
  if (host.status === 'whole') return;
  const offset = Math.max(host.offset, Math.min(reported, draft.blob.sizeBytes));
  if (host.from === deployHost) draft.sentBytes += offset - host.offset;
  const measured = host.from === undefined ? undefined : (rate ?? host.rate);
  draft.hosts.set(host.name, { ...host, offset, rate: measured });
  if (host.from === undefined || rate === undefined) return;
  const source = host.from === deployHost ? draft.deployHostPlace : draft.hosts.get(host.from);
  if (source === undefined) return;
  const nearness = nearnessOf(source, host);
  draft.bestRates[nearness] = Math.max(draft.bestRates[nearness] ?? 0, rate);
}

function fail(draft: Draft, host: FanoutHost, changes: Partial<FanoutHost>): void {
  const tried = new Set(host.tried);
  if (host.from !== undefined) tried.add(host.from);
  draft.losses += 1;
  draft.hosts.set(host.name, { ...host, ...ended, status: 'waiting', failures: host.failures + 1, tried, ...changes });
  const source = host.from === undefined || host.from === deployHost ? undefined : draft.hosts.get(host.from);
  if (source !== undefined) draft.hosts.set(source.name, { ...source, misses: source.misses + 1 });
}
