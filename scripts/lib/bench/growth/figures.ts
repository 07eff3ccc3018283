import { median } from '../statistics.ts';
import type { RepositorySize } from './count-files.ts';
import type { GitPush } from './git-pushes.ts';
import { stretchCount } from './parse-growth.ts';
import type { ScapPush } from './scap-pushes.ts';

export type Unit = 'seconds' | 'bytes' | 'count';

/** One figure that may grow, and how a stretch of pushes is summed up in it. */
export interface Figure<Push> {
  readonly name: string;
  readonly unit: Unit;
  readonly of: (push: Push) => number;
  readonly sumUp: (values: readonly number[]) => number;
  /** Shown only: it tells what else the machine did. See `compare-with-new` for how time is judged. */
  readonly unjudged?: boolean;
}

const largest = (values: readonly number[]) => Math.max(...values);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of sizes and counts the largest of a stretch is taken: between two rounds of housekeeping they rise and fall. */
function size<Push>(name: string, unit: Unit, of: (push: Push) => number): Figure<Push> {
  return { name, unit, of, sumUp: largest };
}

function times<Push extends { readonly seconds: number; readonly cpuSeconds: number }>(): Figure<Push>[] {
  const seconds = ({ seconds: value }: Push) => value;
  return [
    { name: 'push', unit: 'seconds', of: seconds, sumUp: median, unjudged: true },
    { name: 'slowest', unit: 'seconds', of: seconds, sumUp: largest, unjudged: true },
    { name: 'CPU', unit: 'seconds', of: ({ cpuSeconds }) => cpuSeconds, sumUp: mean },
  ];
}

function repository<Push>(of: (push: Push) => RepositorySize): Figure<Push>[] {
  return [
    size('repository', 'bytes', (push) => of(push).bytes),
    size('packs', 'count', (push) => of(push).packs),
    size('loose', 'count', (push) => of(push).looseObjects),
    size('refs', 'count', (push) => of(push).refs),
    size('other files', 'count', (push) => of(push).otherFiles),
  ];
}

/** A table: figures of one place. */
export interface FigureGroup<Push> {
  readonly title: string;
  readonly figures: readonly Figure<Push>[];
}

export const scapGroups: readonly FigureGroup<ScapPush>[] = [
  { title: 'scap: a push', figures: times() },
  {
    title: 'scap: state directory of the deploy host',
    figures: [
      ...repository<ScapPush>(({ deployHost }) => deployHost.repository),
      size('run logs', 'count', ({ deployHost }) => deployHost.runLogs),
      size('in bytes', 'bytes', ({ deployHost }) => deployHost.runLogBytes),
      size('records', 'bytes', ({ deployHost }) => deployHost.recordBytes),
      size('the rest', 'bytes', ({ deployHost }) => deployHost.restBytes),
    ],
  },
  {
    title: 'scap: cache of a target',
    figures: [
      ...repository<ScapPush>(({ target }) => target.repository),
      size('revisions', 'count', ({ target }) => target.revisions),
      size('leftovers', 'count', ({ target }) => target.leftovers),
      size('meta', 'bytes', ({ target }) => target.metaBytes),
      size('state.json', 'bytes', ({ target }) => target.stateBytes),
      size('windows', 'bytes', ({ target }) => target.windowsBytes),
    ],
  },
];

export const gitGroups: readonly FigureGroup<GitPush>[] = [
  { title: 'git: add, commit, three pushes', figures: times() },
  { title: 'git: repository of the deploy host', figures: repository(({ deployHost }) => deployHost) },
  { title: 'git: repository of a target', figures: repository(({ target }) => target) },
];

/** Splits pushes into stretches of equal length. */
export function toStretches<Push>(pushes: readonly Push[]): Push[][] {
  const length = pushes.length / stretchCount;
  return Array.from({ length: stretchCount }, (_, at) => pushes.slice(at * length, (at + 1) * length));
}

export function sumUp<Push>({ of, sumUp: combine }: Figure<Push>, stretch: readonly Push[]): number {
  return combine(stretch.map(of));
}

/** One figure of the last stretch against the first. */
export interface Growth {
  readonly name: string;
  readonly unit: Unit;
  readonly first: number;
  readonly last: number;
  readonly isFlat: boolean;
}

/** A figure may rise by a quarter, or by what is nothing in its unit, and counts as flat. */
export const flatRatio = 1.25;
const slack: Readonly<Record<Unit, number>> = { seconds: 0.05, bytes: 16_384, count: 4 };

export function judgeGrowth<Push>({ figures }: FigureGroup<Push>, pushes: readonly Push[]): Growth[] {
  const stretches = toStretches(pushes);
  return figures.map((figure) => {
    const first = sumUp(figure, stretches[0] ?? []);
    const last = sumUp(figure, stretches.at(-1) ?? []);
    const isFlat = figure.unjudged === true || last <= Math.max(first * flatRatio, first + slack[figure.unit]);
    return { name: figure.name, unit: figure.unit, first, last, isFlat };
  });
}
