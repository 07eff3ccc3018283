import { fromEncodedPath, isWithin, toDisplayPath } from '../../core/byte-path.ts';
import { formatBytes } from '../../core/bytes.ts';
import type { Checkout } from '../../core/checkout.ts';
import { type ExitStatus, exitStatus } from '../../core/errors.ts';
import { shortSha } from '../../core/sha.ts';
import { type ShownRevision, showRevision } from '../../deploy/inspect.ts';
import { formatDifference } from '../../report/difference.ts';
import { toOneLine } from '../../report/plain-text.ts';
import type { CheckoutDifference, RevisionDifference } from '../../revision/revision-diff.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';
import { formatTime } from '../time.ts';

/** How many files are listed for people; `--json` has them all. */
const listedFiles = 60;

/** `scap show [SHA [SHA2]]` */
export function runShow(
  io: Io,
  revision: string | undefined,
  other: string | undefined,
  options: CommonOptions,
): Promise<ExitStatus> {
  return runSession(io, options, async ({ host, colour }) => {
    const shown = await showRevision(host, revision, other);
    return {
      status: exitStatus.ok,
      json: toJson(shown),
      text: formatShown(shown, colour, options.verbose === true).join('\n'),
    };
  });
}

function toJson({ revision: { sha, info, record }, live, difference }: ShownRevision) {
  return {
    ok: true,
    revision: sha,
    live,
    ...info,
    record,
    difference: difference && {
      ...difference,
      files: difference.files.map((file) => ({ ...file, path: toDisplayPath(file.path) })),
    },
  };
}

function formatShown({ revision, live, difference }: ShownRevision, colour: boolean, verbose: boolean): string[] {
  const { sha, info, record } = revision;
  const head = [
    `revision  ${sha}${live ? '  (should be live)' : ''}`,
    `by        ${toOneLine(info.author)} <${toOneLine(info.email)}>`,
    `when      ${formatTime(info.time * 1000)}`,
    `made from ${info.parents[0] ?? 'nothing (the first)'}`,
    `holds     ${record.files} files, ${formatBytes(record.bytes)}`,
    ...(record.excluded.count > 0
      ? [`left out  ${record.excluded.count} excluded (${record.excluded.samples.slice(0, 5).join(', ')})`]
      : []),
    '',
    ...info.message.split('\n').map((line) => `    ${toOneLine(line)}`),
  ];
  const checkouts = verbose ? record.checkouts.map((checkout) => `  ${describeCheckout(checkout)}`) : [];
  const summary =
    record.checkouts.length === 0
      ? []
      : [
          '',
          `${record.checkouts.length} nested checkouts, ${record.checkouts.filter(({ dirty }) => dirty).length} of them edited`,
        ];
  return [
    ...head,
    ...summary,
    ...checkouts,
    ...(difference ? ['', ...formatRevisionDifference(difference, colour)] : []),
  ];
}

function formatRevisionDifference(difference: RevisionDifference, colour: boolean): string[] {
  const roots = difference.checkouts.map(({ path }) => path).sort((a, b) => b.length - a.length);
  const files = difference.files.map((file) => ({
    ...file,
    path: toDisplayPath(file.path),
    checkout: roots.find((root) => isWithin(file.path, fromEncodedPath(root))) ?? '',
  }));
  const moved = difference.checkouts.filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
  return [
    `Against ${shortSha(difference.from)}:`,
    ...moved.map(describeMove),
    ...formatDifference(files, { limit: listedFiles, colour }),
  ];
}

function describeMove({ path, before, after }: CheckoutDifference): string {
  const name = path === '' ? '(staging itself)' : path;
  if (before === undefined) return `  ${name}: new checkout, ${standing(after)}`;
  if (after === undefined) return `  ${name}: checkout gone, was ${standing(before)}`;
  return `  ${name}: ${standing(before)} -> ${standing(after)}`;
}

function describeCheckout(checkout: Checkout): string {
  return `${checkout.path === '' ? '(staging itself)' : checkout.path}: ${standing(checkout)}${checkout.remote ? ` from ${checkout.remote}` : ''}`;
}

function standing(checkout: Checkout | undefined): string {
  if (checkout === undefined) return 'unknown';
  if (checkout.problem) return `unreadable (${checkout.problem})`;
  const head = checkout.head === undefined ? 'no commit' : shortSha(checkout.head);
  return `${head}${checkout.branch ? ` (${checkout.branch})` : ''}${checkout.dirty ? ' edited' : ''}`;
}
