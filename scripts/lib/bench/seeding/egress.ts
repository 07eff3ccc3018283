import { readFileSync } from 'node:fs';
import type { Fleet } from '../../fleet/fleet.mjs';
import { bridgeName, fleetTag } from '../../fleet/lay-out.mjs';
import { ScriptFailure } from '../../program/async-script.ts';

/** Counts what this machine sends to all hosts meanwhile, with every header: the kernel's own count. */
export async function withEgress<T>(
  fleet: Fleet,
  work: () => Promise<T>,
): Promise<T & { readonly egressBytes: number }> {
  const before = sentBytes(fleet);
  const done = await work();
  return { ...done, egressBytes: sentBytes(fleet) - before };
}

/** What this machine has sent to the hosts of a fleet in namespaces since that was made. @throws ScriptFailure without such a count */
export function sentBytes({ directory }: Fleet): number {
  const path = `/sys/class/net/${bridgeName(fleetTag(directory))}/statistics/tx_bytes`;
  const bytes = Number(readFileSync(path, 'utf8'));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new ScriptFailure(`Cannot measure: "${path}" holds no number`, 'Is this Linux?');
}
