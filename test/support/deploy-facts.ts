/** Builders of what deploys are decided from. */
import type { HostName } from '../../src/core/host-name.ts';
import type { Sha } from '../../src/core/sha.ts';
import type { Host } from '../../src/inventory/host.ts';
import type { Group } from '../../src/inventory/inventory.ts';
import type { Plan, PlanStage, Task } from '../../src/plan/plan.ts';

/** A full sha of one repeated digit: `sha('a')`. */
export const sha = (digit: string) => digit.repeat(40) as Sha;
export const hostName = (name: string) => name as HostName;

export function aHost(name: string, rest: Partial<Host> = {}): Host {
  return {
    name: hostName(name),
    group: 'all',
    labels: {},
    transport: 'local',
    address: undefined,
    user: undefined,
    port: undefined,
    cache: `/t/${name}/cache`,
    live: `/t/${name}/live`,
    keepRevisions: 5,
    graceTimeMs: 600_000,
    onControllerLoss: 'keep',
    ...rest,
  };
}

export function aGroup(name: string, hosts: readonly Host[], failureBudget = 0, rest: Partial<Group> = {}): Group {
  const batchSize = Math.max(1, hosts.length);
  return { name, hosts, failureBudget, batchSize, soakMs: 0, concurrency: undefined, ...rest };
}

export function aTask(command: string, host?: string, rest: Readonly<Record<string, unknown>> = {}): Task {
  return host === undefined
    ? { id: command, command, ...rest }
    : { id: `${command}@${host}`, command, host: hostName(host), ...rest };
}

export function aStage(name: string, tasks: PlanStage['tasks'], rest: Partial<PlanStage> = {}): PlanStage {
  return { name, concurrency: 10, concurrencyPerHost: 1, failureBudget: 0, tasks, ...rest };
}

export function aPlan(stages: readonly PlanStage[], rest: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    id: 'push-1',
    kind: 'push',
    revision: sha('b'),
    base: sha('a'),
    message: 'Push',
    createdAt: '2026-01-01T00:00:00.000Z',
    stages,
    unchanged: [],
    ...rest,
  };
}
