import type { Machine } from '../machine.ts';
import type { Part } from '../report.ts';
import { formatMegabytes, formatRatio, formatSpread } from '../statistics.ts';
import type { FlattenResult } from './measure-flatten.ts';
import type { RevisionResult, RevisionRow } from './measure-revisions.ts';

/** What a report begins with. */
export function introduceTrees({ hardware, software }: Machine): Part[] {
  return [{ kind: 'text', lines: ['scap bench: the two ends of a push by themselves', `${hardware}; ${software}`] }];
}

/** The making of revisions on a target, at one size of the tree. */
export function describeRevisions({ fileCount, totalBytes, rows, walk }: RevisionResult): Part[] {
  const tree = `${fileCount.toLocaleString('en-US')} files, ${formatMegabytes(totalBytes)}`;
  return [
    {
      kind: 'table',
      title: `Revision on a target, ${tree} (a bare look at every file: ${formatSpread(walk)})`,
      header: [
        'changed',
        'recycle',
        'of which the look',
        'link',
        'archive',
        'git archive | tar',
        'cp -al + rsync',
        'rsync --link-dest',
        'ostree checkout -H',
      ],
      rows: rows.map(describeRow),
    },
  ];
}

function describeRow({
  changed,
  scap,
  look,
  gitArchive,
  copyAndRsync,
  linkDest,
  ostreeCheckout,
}: RevisionRow): string[] {
  const beside = (values: readonly number[]) => `${formatSpread(values)}  ${formatRatio(values, scap.recycle)}`;
  return [
    changed === 1 ? '1 file' : `${changed.toLocaleString('en-US')} files`,
    formatSpread(scap.recycle),
    formatSpread(look),
    beside(scap.link),
    beside(scap.archive),
    beside(gitArchive),
    beside(copyAndRsync),
    beside(linkDest),
    ostreeCheckout === undefined ? 'not installed' : beside(ostreeCheckout),
  ];
}

/** Flattening, at one size of the tree. */
export function describeFlatten({ fileCount, rows }: FlattenResult): Part[] {
  return [
    {
      kind: 'table',
      title: `Flatten, ${fileCount.toLocaleString('en-US')} files`,
      header: ['change', 'scap', 'bare look at every file', 'git add -A + commit', 'ostree commit'],
      rows: rows.map(({ change, scap, walk, gitCommit, ostreeCommit }) => [
        change,
        formatSpread(scap),
        `${formatSpread(walk)}  ${formatRatio(walk, scap)}`,
        `${formatSpread(gitCommit)}  ${formatRatio(gitCommit, scap)}`,
        ostreeCommit === undefined
          ? 'not installed'
          : `${formatSpread(ostreeCommit)}  ${formatRatio(ostreeCommit, scap)}`,
      ]),
    },
  ];
}

export function explainTrees(): Part[] {
  return [{ kind: 'text', lines: notes }];
}

const notes = [
  'Median (min–max) in seconds; n×: how many times as long as the first column with figures it takes. Caches are warm.',
  'Revision: from request to answer of an agent that runs; recycle takes the objects in as well. Its look at the spare, in a push, goes on',
  'while the deploy host captures. All of scap ends checked against its hashes and flushed; nothing else does either. What is',
  'committed for git archive and ostree is in nobody\u2019s figures. cp -al + rsync and --link-dest read the staging tree itself.',
  'Flatten: in a process of its own, without its start. Bare look: find, which asks the kernel about every file and does no more.',
  'git add -A: in a repository of its own, on a tree without nested checkouts, without flushing; ostree: bare-user-only.',
];
