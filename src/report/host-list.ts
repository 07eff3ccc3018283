import { listSome } from './wording.ts';

const minRun = 4;
const byName = new Intl.Collator('en', { numeric: true }).compare;

interface NumberedName {
  readonly name: string;
  readonly prefix: string;
  readonly digits: string;
  readonly suffix: string;
}

/** Names hosts in order, four or more in a row in the inventory's notation (`mw[1001:1037]`), at most `limit` items. */
export function formatHosts(hosts: readonly string[], limit = Number.POSITIVE_INFINITY): string {
  const runs = findRuns([...new Set(hosts)].sort(byName).map(parseName));
  const folded = runs.flatMap((run) =>
    run.length < minRun ? run.map(({ name }) => [name]) : [run.map(({ name }) => name)],
  );
  const items = folded.map((names) => (names.length < minRun ? names.join(', ') : formatRun(names.map(parseName))));
  if (items.length <= limit) return items.join(', ');
  const left = folded.slice(limit).reduce((count, names) => count + names.length, 0);
  return listSome(items.slice(0, limit), limit, limit + left);
}

/** Names hosts as arguments of a command: a shell takes them as they are. */
export function hostArguments(hosts: readonly string[]): string {
  const names = formatHosts(hosts).split(', ');
  return names.map((name) => (name.includes('[') ? `'${name}'` : name)).join(' ');
}

function parseName(name: string): NumberedName {
  const [, prefix = name, digits = '', suffix = ''] = /^(.*?)(\d+)(\D*)$/.exec(name) ?? [];
  return { name, prefix, digits, suffix };
}

function findRuns(names: readonly NumberedName[]): NumberedName[][] {
  const runs: NumberedName[][] = [];
  for (const name of names) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last && follows(last, name)) run.push(name);
    else runs.push([name]);
  }
  return runs;
}

function follows(a: NumberedName, b: NumberedName): boolean {
  const alike = a.prefix === b.prefix && a.suffix === b.suffix && a.digits.length === b.digits.length;
  return alike && a.digits !== '' && Number(b.digits) === Number(a.digits) + 1;
}

function formatRun(run: readonly NumberedName[]): string {
  const [first, last] = [run[0], run.at(-1)];
  return first && last ? `${first.prefix}[${first.digits}:${last.digits}]${first.suffix}` : '';
}
