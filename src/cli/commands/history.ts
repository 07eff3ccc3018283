import { type ExitStatus, exitStatus } from '../../core/errors.ts';
import { shortSha } from '../../core/sha.ts';
import { type PastRun, readHistory } from '../../deploy/inspect.ts';
import { formatTable } from '../../report/table.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';
import { formatTime } from '../time.ts';

export interface HistoryOptions extends CommonOptions {
  readonly number: number;
}

/** `scap history` */
export function runHistory(io: Io, options: HistoryOptions): Promise<ExitStatus> {
  return runSession(io, options, async ({ host }) => {
    const runs = (await readHistory(host)).slice(0, options.number);
    return {
      status: exitStatus.ok,
      json: { ok: true, runs: runs.map(({ record, ...rest }) => ({ ...record, ...rest })) },
      text: runs.length === 0 ? 'Nothing was deployed yet' : formatTable(columns, runs.map(toRow)).join('\n'),
    };
  });
}

const columns = ['RUN', 'WHEN', 'KIND', 'REVISION', 'OUTCOME', 'BY', 'NOTE', 'MESSAGE'].map((header) => ({ header }));

function toRow({ record, live, bad, held }: PastRun) {
  const { n, startedAt, kind, sha, outcome, user, message } = record;
  const notes = [live && 'live', bad && 'rolled back', !held && 'forgotten'].filter(Boolean).join(', ');
  return [n, formatTime(startedAt), kind, shortSha(sha), outcome, user, notes, message];
}
