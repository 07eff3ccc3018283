import { ScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { Host } from '../inventory/host.ts';
import { selectHosts } from '../inventory/host-selector.ts';
import type { Inventory } from '../inventory/inventory.ts';

/** The targets a command works with. */
export interface TargetSelection {
  /** In the inventory's order; at least one. */
  readonly hosts: readonly Host[];
  /** Every other host of the inventory, in its order: neither connected to nor planned for. */
  readonly skipped: readonly HostName[];
}

/**
 * Returns the hosts that every one of `selectors` names; all of the inventory when there is none.
 *
 * Throws `usage` for a malformed selector, and `host_unknown` when a part of one names no host or no host is left.
 */
export function selectTargets(
  { hosts }: Pick<Inventory, 'hosts'>,
  selectors: readonly (string | undefined)[],
): TargetSelection {
  const given = selectors.filter((selector) => selector !== undefined);
  // Each against the whole inventory: a typo is told as such also when another selector leaves its host out.
  const chosen = given.map((selector) => new Set(selectHosts(hosts, selector)));
  const selected = hosts.filter((host) => chosen.every((set) => set.has(host)));
  if (selected.length === 0 && hosts.length > 0) {
    const named = given.map((selector) => JSON.stringify(selector)).join(' and ');
    throw new ScapError('host_unknown', `Cannot select hosts by ${named}: no host matches all of them`, {
      hint: 'Compare with "hosts" in the configuration',
      data: { selectors: given },
    });
  }
  const kept = new Set(selected);
  return { hosts: selected, skipped: hosts.filter((host) => !kept.has(host)).map(({ name }) => name) };
}
