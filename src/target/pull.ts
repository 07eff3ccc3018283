/**
 * A target that catches up by itself: it asks the deploy repository what should be live, brings it, and runs the stages of a push on itself.
 *
 * It is no run of the deploy host's: it has no number of its own and works under the fence the target has seen already.
 */
import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { ScapError } from '../core/errors.ts';
import type { Sha } from '../core/sha.ts';
import { revisionRef, timesRef } from '../git/bundle.ts';
import { createGit } from '../git/git-command.ts';
import { fetchRevision, listRemoteRefs, type RemoteRevision, withoutPassword } from '../git/remote.ts';
import { readRefs } from '../git/repository.ts';
import { liveRef } from '../revision/deploy-repository.ts';
import type { AgentNotice } from '../transport/protocol.ts';
import type { TargetLayout } from './layout.ts';
import { readLiveSha } from './live-path.ts';
import { readMarker } from './marker.ts';
import type { RetentionRule } from './retention.ts';
import type { TargetSession } from './session.ts';
import { readState } from './state.ts';

export interface PullOptions extends RetentionRule {
  /** The deploy repository, as `parseRepositoryUrl` returns it. */
  readonly from: string;
  /** Move something foreign at the live path aside. */
  readonly adopt: boolean;
  readonly signal: AbortSignal;
  /** How long the transfer may take. */
  readonly fetchTimeoutMs: number;
  notify(notice: AgentNotice): void;
}

export interface PullResult {
  readonly revision: Sha;
  /** What was served before. */
  readonly previous: Sha | null;
  /** Whether anything was done. */
  readonly changed: boolean;
}

/** For asking what there is; moving it has a limit of its own. */
const askTimeoutMs = 60_000;

/**
 * Makes this target serve what should be live. When it does, and its files are whole, nothing is touched.
 *
 * Throws `repository_unreachable`, `revision_unknown` when nothing should be live, `repository_damaged` when the repository lacks what belongs to
 * the revision, `target_busy`, and what the stages throw.
 */
export async function pullTarget(
  session: TargetSession,
  layout: TargetLayout,
  options: PullOptions,
): Promise<PullResult> {
  const call = (verb: string, params: Readonly<Record<string, unknown>>) =>
    session.call(verb, { params, signal: options.signal, notify: options.notify });
  refuseOtherUser(layout);
  const previous = readLiveSha(layout) ?? null;
  const { revision } = await askForLive(options);
  if (revision === previous && (await isWhole(layout, revision, call))) return { revision, previous, changed: false };

  const { fence } = readState(layout);
  try {
    await call('begin', { fence, reason: `pull from ${withoutPassword(options.from)}` });
    return await catchUp(layout, options, (stage, params) => call('stage', { ...params, fence, stage }));
  } finally {
    await session.end();
  }
}

type RunStage = (stage: string, params: Readonly<Record<string, unknown>>) => Promise<unknown>;

async function catchUp(layout: TargetLayout, options: PullOptions, runStage: RunStage): Promise<PullResult> {
  const { adopt, keep, graceMs, from, signal, fetchTimeoutMs } = options;
  // Asked again: a run may have come and gone while we waited for the target.
  const wanted = await askForLive(options);
  const { revision } = wanted;
  const previous = readLiveSha(layout) ?? null;
  const git = createGit(layout.repo);
  const held = await readRefs(git, 'refs/scap/');
  if ([...wanted.refs.keys()].some((name) => !held.has(name)))
    await fetchRevision(git, from, wanted, { signal, timeoutMs: fetchTimeoutMs });
  await runStage('fetch', { revision, adopt });
  await runStage('config', {});
  await runStage('promote', { revision, adopt });
  await runStage('finalize', { keep, graceMs });
  return { revision, previous, changed: true };
}

/** What should be live by the deploy repository, with the refs that lead to all of it. */
async function askForLive({ from, signal }: PullOptions): Promise<RemoteRevision> {
  const refs = await listRemoteRefs(from, [liveRef, revisionRef('*' as Sha), timesRef('*' as Sha)], {
    signal,
    timeoutMs: askTimeoutMs,
  });
  const revision = refs.get(liveRef);
  if (revision === undefined) {
    throw new ScapError(
      'revision_unknown',
      `Cannot pull from "${withoutPassword(from)}": nothing should be live, it has no ${liveRef}`,
      {
        hint: "Name the deploy host's repository, <state>/repo.git, or push there first",
      },
    );
  }
  const names = [revisionRef(revision), timesRef(revision)];
  const missing = names.find((name) => !refs.has(name));
  if (missing !== undefined) {
    throw new ScapError(
      'repository_damaged',
      `Cannot pull revision ${revision} from "${withoutPassword(from)}": it has no ${missing}`,
      {
        hint: 'A copy of the deploy repository must have all refs below refs/scap: git clone --mirror',
      },
    );
  }
  return { revision, refs: new Map(names.map((name) => [name, refs.get(name) as Sha])) };
}

async function isWhole(
  layout: TargetLayout,
  revision: Sha,
  call: (verb: string, params: Readonly<Record<string, unknown>>) => Promise<unknown>,
): Promise<boolean> {
  if (readMarker(layout, revision) === undefined) return false;
  const { drift, problem } = (await call('verify', { revision })) as { drift: unknown[]; problem?: unknown };
  return drift.length === 0 && problem === undefined;
}

/** Files made by another user would stop the agent's at the next push. */
function refuseOtherUser(layout: TargetLayout): void {
  const owner = statSync(layout.repo, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === userInfo().uid) return;
  throw new ScapError(
    'permission_denied',
    `Cannot pull as ${userInfo().username}: "${layout.repo}" belongs to user ${owner}, who is deployed as`,
    { hint: `Run it as that user: sudo -u '#${owner}' scap pull --from URL` },
  );
}
