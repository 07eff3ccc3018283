import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { type ExitStatus, exitStatus, ScapError } from '../../core/errors.ts';
import { type HostName, parseHostName } from '../../core/host-name.ts';
import { shortSha } from '../../core/sha.ts';
import { parseRepositoryUrl } from '../../git/remote.ts';
import type { Host } from '../../inventory/host.ts';
import { createTargetLayout } from '../../target/layout.ts';
import { type PullResult, pullTarget } from '../../target/pull.ts';
import { defaultRetention } from '../../target/retention.ts';
import { createTargetSession } from '../../target/session.ts';
import { stockStages } from '../../target/stages/registry.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession, type Session } from '../session.ts';

export interface PullOptions extends CommonOptions {
  readonly from: string;
  readonly host?: string | undefined;
  readonly cache?: string | undefined;
  readonly live?: string | undefined;
  readonly adopt?: boolean | undefined;
}

/** `scap pull`: on a target. */
export function runPull(io: Io, options: PullOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const { name, cache, live, keep, graceMs } = choosePlace(session, options);
    const layout = createTargetLayout(cache, live);
    const { bus, signal, config } = session.host;
    const result = await pullTarget(createTargetSession(layout, stockStages()), layout, {
      from: parseRepositoryUrl(options.from, session.cwd),
      adopt: options.adopt === true,
      keep,
      graceMs,
      signal,
      fetchTimeoutMs: config.timeouts.fetchMs,
      notify: (notice) => {
        if (notice.kind === 'note') bus.emit('host.noted', { host: name, code: notice.code, message: notice.message });
      },
    });
    return { status: exitStatus.ok, json: { ok: true, host: name, ...result }, text: formatPull(result) };
  });
}

function formatPull({ revision, previous, changed }: PullResult): string {
  if (!changed) return `Revision ${shortSha(revision)} is live already`;
  if (previous === revision) return `Revision ${shortSha(revision)} is live, and whole again`;
  return `Revision ${shortSha(revision)} is live; before: ${previous === null ? 'nothing' : shortSha(previous)}`;
}

interface Place {
  readonly name: HostName;
  readonly cache: string;
  readonly live: string;
  readonly keep: number;
  readonly graceMs: number;
}

/** Where this machine's target is: as the command line says, or as configured for its name. */
function choosePlace({ host, cwd }: Session, { host: name, cache, live }: PullOptions): Place {
  if ((cache === undefined) !== (live === undefined)) {
    throw new ScapError('usage', 'Cannot pull: --cache and --live belong together', {
      hint: 'Give both, or none and let scap.yaml say them',
    });
  }
  if (cache !== undefined && live !== undefined) {
    const named = parseHostName(name ?? hostname()) ?? ('localhost' as HostName);
    return { name: named, cache: resolve(cwd, cache), live: resolve(cwd, live), ...defaultRetention };
  }
  const found = findHost(host.inventory.hosts, name, hostname());
  if (found === undefined) {
    throw new ScapError('host_unknown', `Cannot pull: the inventory has no host "${name ?? hostname()}"`, {
      hint: 'Name it: scap pull --from URL --host NAME, or give --cache DIR and --live PATH',
    });
  }
  return { ...found, keep: found.keepRevisions, graceMs: found.graceTimeMs };
}

/**
 * The host called `asked`, or else the one that is this machine. The inventory may use its full or its short name; a full name of another
 * domain is another machine, and when only the short name is known here it must fit one host alone.
 */
export function findHost(hosts: readonly Host[], asked: string | undefined, machine: string): Host | undefined {
  const byName = (name: string | undefined) => hosts.find((host) => host.name === name);
  if (asked !== undefined) return byName(asked);
  const exact = byName(machine) ?? byName(machine.split('.')[0]);
  if (exact !== undefined || machine.includes('.')) return exact;
  const alike = hosts.filter((host) => host.name.split('.')[0] === machine);
  return alike.length === 1 ? alike[0] : undefined;
}
