// Looks into targets while bundles go from one to another.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listProcesses, type Site } from './site.ts';

/** How many bytes of a bundle that is not whole yet a host has. */
export function receivedBytes(site: Site, host: string): number {
  const work = join(site.cache(host), 'work');
  const parts = existsSync(work) ? readdirSync(work).filter((name) => /^blob-\w+\.part$/.test(name)) : [];
  return parts.reduce((sum, name) => sum + statSync(join(work, name)).size, 0);
}

/** The process of a host's agent; throws when there is none. */
export function agentOf(site: Site, host: string): number {
  const agent = listProcesses(dirname(site.cache(host))).find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('serve'),
  );
  if (agent === undefined) throw new Error(`${host} has no agent`);
  return agent;
}
