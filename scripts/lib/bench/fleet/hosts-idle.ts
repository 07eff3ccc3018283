import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet, FleetHost } from '../../fleet/fleet.mjs';
import { findHostProcesses, readProcesses } from '../../fleet/process-table.mjs';
import { ScriptFailure } from '../../program/async-script.ts';

const timeoutMs = 10 * 60 * 1000;
const pollMs = 100;

/** Waits until nothing but its SSH server runs on any host. @throws ScriptFailure when something still does after ten minutes. */
export async function awaitIdleHosts({ hosts }: Pick<Fleet, 'hosts'>, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (let busy = busyHosts(hosts); busy.length > 0; busy = busyHosts(hosts)) {
    if (Date.now() > deadline) {
      throw new ScriptFailure(
        `Cannot go on: something on ${busy.join(', ')} does not end`,
        'Look at what it does, then run again',
      );
    }
    await sleep(pollMs, undefined, { signal });
  }
}

function busyHosts(hosts: readonly FleetHost[]): string[] {
  const table = readProcesses();
  return hosts
    .filter(({ root, netns, agentCache }) => {
      const home = agentCache.slice(0, -'/home/.cache'.length);
      return findHostProcesses(table, { root: netns === undefined ? root : home, netns }).length > 1;
    })
    .map(({ name }) => name);
}
