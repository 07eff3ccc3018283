import type { Machine } from '../machine.ts';
import type { Part } from '../report.ts';
import { formatMegabytes, formatSeconds, formatSpread } from '../statistics.ts';
import { type AgedAndNew, agedRatio } from './compare-with-new.ts';
import {
  type FigureGroup,
  flatRatio,
  type Growth,
  gitGroups,
  judgeGrowth,
  scapGroups,
  sumUp,
  toStretches,
  type Unit,
} from './figures.ts';
import type { GitPush } from './git-pushes.ts';
import type { GrowthRequest } from './parse-growth.ts';
import type { ScapPush } from './scap-pushes.ts';

export interface GrowthResult {
  readonly scap: readonly ScapPush[];
  /** Empty when git is left out. */
  readonly git: readonly GitPush[];
  readonly scapTurns: AgedAndNew;
  /** `undefined` when git is left out. */
  readonly gitTurns: AgedAndNew | undefined;
}

/** What a report begins with. */
export function introduceGrowth(request: GrowthRequest, { hardware, software }: Machine): Part {
  const { pushes, fileCount, totalBytes, keepDeploys, keepRevisions } = request;
  const size = `${fileCount.toLocaleString('en-US')} files, ${formatMegabytes(totalBytes)}`;
  const setting = `${pushes} pushes of a small change; ${size}, three local targets`;
  return {
    kind: 'text',
    lines: [
      `scap bench: ${setting}; keepDeploys ${keepDeploys}, keepRevisions ${keepRevisions}, graceTime 0s`,
      `${hardware}; ${software}`,
    ],
  };
}

/** The tables, the notes and the verdicts. */
export function describeGrowth(result: GrowthResult): Part[] {
  const { scap, git } = result;
  return [
    ...scapGroups.map((group) => describeGroup(group, scap)),
    ...(git.length === 0 ? [] : gitGroups.map((group) => describeGroup(group, git))),
    describeTurns(result),
    { kind: 'text', lines: notes },
    { kind: 'text', lines: verdicts(result) },
  ];
}

const notes = [
  'Each row is one stretch of pushes: the median push and the slowest, the mean of all processor seconds of a push and what follows it, and of',
  'sizes and counts the largest after any push of the stretch. Everybody is idle again before the next push. Other files: configuration, lists,',
  'leftovers. Stretches lie minutes apart and tell what else the machine did; time is judged by the turns at the end, where a new deploy host and',
  'new targets (new repositories) get the same changes in between.',
  'git keeps all of history, checks nothing out on a target, and its housekeeping (gc.auto, gc.autoPackLimit) stays in the foreground.',
];

function describeGroup<Push>(group: FigureGroup<Push>, pushes: readonly Push[]): Part {
  const stretches = toStretches(pushes);
  const length = pushes.length / stretches.length;
  return {
    kind: 'table',
    title: group.title,
    header: ['pushes', ...group.figures.map(({ name }) => name)],
    rows: stretches.map((stretch, at) => [
      `${at * length + 1}–${(at + 1) * length}`,
      ...group.figures.map((figure) => formatFigure(sumUp(figure, stretch), figure.unit)),
    ]),
  };
}

function describeTurns({ scap, scapTurns, gitTurns }: GrowthResult): Part {
  const row = (name: string, turns: AgedAndNew) => [
    name,
    formatSpread(turns.aged),
    formatSpread(turns.fresh),
    `${agedRatio(turns).toFixed(2)}×`,
  ];
  return {
    kind: 'table',
    title: `A push in turns, ${scapTurns.aged.length} each`,
    header: ['', `after ${scap.length + 1} pushes`, 'new', 'ratio'],
    rows: [row('scap', scapTurns), ...(gitTurns === undefined ? [] : [row('git', gitTurns)])],
  };
}

/** One line on a stretch, for whoever watches. */
export function describeStretch(stretch: readonly ScapPush[]): string {
  return scapGroups
    .map(({ figures }) =>
      figures.map((figure) => `${figure.name} ${formatFigure(sumUp(figure, stretch), figure.unit)}`).join(', '),
    )
    .join(' | ');
}

function verdicts({ scap, git, scapTurns, gitTurns }: GrowthResult): string[] {
  const of = <Push>(groups: readonly FigureGroup<Push>[], pushes: readonly Push[]) =>
    pushes.length === 0 ? [] : groups.map((group) => verdictLine(group.title, judgeGrowth(group, pushes)));
  return [
    'Last stretch against the first:',
    ...of(scapGroups, scap),
    ...of(gitGroups, git),
    turnsLine('scap', scapTurns),
    ...(gitTurns === undefined ? [] : [turnsLine('git', gitTurns)]),
  ];
}

function turnsLine(name: string, turns: AgedAndNew): string {
  const ratio = agedRatio(turns);
  return `${name}: push time against a new one: ${ratio.toFixed(2)}×. ${ratio <= flatRatio ? 'FLAT' : 'NOT FLAT'}`;
}

function verdictLine(title: string, growths: readonly Growth[]): string {
  const grown = growths.filter(({ isFlat }) => !isFlat);
  const ratios = growths.map(({ name, first, last }) => `${name} ${formatRatio(first, last)}`).join(', ');
  const verdict =
    grown.length === 0
      ? 'FLAT'
      : `NOT FLAT: ${grown.map(({ name, unit, first, last }) => `${name} (${formatFigure(first, unit)} to ${formatFigure(last, unit)})`).join(', ')}`;
  return `${title}: ${ratios}. ${verdict}`;
}

function formatRatio(first: number, last: number): string {
  if (first === 0) return last === 0 ? '1.00×' : `0 to ${last}`;
  return `${(last / first).toFixed(2)}×`;
}

function formatFigure(value: number, unit: Unit): string {
  if (unit === 'seconds') return formatSeconds(value);
  if (unit === 'count') return String(value);
  return value < 100_000 ? `${(value / 1000).toFixed(1)} kB` : `${(value / 1e6).toFixed(value < 10e6 ? 2 : 1)} MB`;
}
