import { ScapError } from '../core/errors.ts';

/** Something wrong with an entry of the configuration that only shows once hosts and groups are put together. */
export interface InventoryProblem {
  /** Where the entry is written, `file:line:column`, when that is known. */
  readonly where: string | undefined;
  /** The key path of the entry: `hosts["mw[1:9]"]`. */
  readonly path: string;
  readonly message: string;
}

/** The one error for everything that is wrong. */
export function invalidInventory(source: string | undefined, problems: readonly InventoryProblem[]): ScapError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = problems.map(({ where, path, message }) =>
    [where, path, message].filter((part) => part !== undefined && part !== '').join(': '),
  );
  const file = source === undefined ? 'the configuration' : `the configuration "${source}"`;
  return new ScapError('config_invalid', `Cannot use ${file}: ${count}\n  ${lines.join('\n  ')}`, {
    hint: 'Correct these lines; docs/operations.md describes hosts and groups ("Configuration")',
    data: { problems },
  });
}

/** Names the first few of many: `mw1, mw2, mw3 and 7 more`. */
export function foldNames(names: readonly string[], shown = 3): string {
  const more = names.length - shown;
  return more > 0 ? `${names.slice(0, shown).join(', ')} and ${more} more` : names.join(', ');
}
