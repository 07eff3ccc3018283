import { closeSync, openSync, renameSync } from 'node:fs';
import { isSystemError, ScapError } from '../../core/errors.ts';
import { isSha, type Sha } from '../../core/sha.ts';
import { readBundleHeader, revisionRef, storeBundle, timesRef } from '../../git/bundle.ts';
import { hasRef, openRepository, readShallow, updateRefs, writeShallow } from '../../git/repository.ts';
import type { TargetContext } from '../context.ts';
import { readLivePath, refuseForeign, rehearseSwitch } from '../live-path.ts';
import { workPath } from '../materialise/complete-revision.ts';
import { type MadeRevision, makeRevision } from '../materialise/make-revision.ts';
import { numberParam, Stage, type StageParams, shaParam } from './stage.ts';

export interface FetchParams extends StageParams {
  readonly revision: Sha;
  /** SHA-256 of a bundle that was received before; absent when the repository has the revision already. */
  readonly bundle: string | undefined;
  /** The id of the revision's file times, as the deploy host knows it; absent when it does not say. */
  readonly times: Sha | undefined;
  /** It came as a blob: a large bundle, whatever carried it. */
  readonly relayed: boolean;
  /** The repository is damaged: start a new one with this complete bundle. */
  readonly anew: boolean;
  /** Hash every byte of what is there already, instead of trusting times and sizes. */
  readonly deep: boolean;
  /** Whether something foreign at the live path is accepted now, to be moved aside at promotion. */
  readonly adopt: boolean;
}

/** Brings a revision into the cache: its objects, then its files, complete and verified. Serves nothing. */
export class FetchStage extends Stage<FetchParams, MadeRevision> {
  readonly name: string = 'fetch';

  parse(params: Readonly<Record<string, unknown>>): FetchParams {
    const { bundle, times } = params;
    return {
      fence: numberParam(params, 'fence'),
      revision: shaParam(params, 'revision'),
      bundle: typeof bundle === 'string' && /^[0-9a-f]{64}$/.test(bundle) ? bundle : undefined,
      times: isSha(times) ? times : undefined,
      relayed: params.relayed === true,
      anew: params.anew === true,
      deep: params.deep === true,
      adopt: params.adopt === true,
    };
  }

  override async before({ layout }: TargetContext, { adopt }: FetchParams): Promise<void> {
    if (!adopt) refuseForeign(layout, readLivePath(layout));
  }

  async run(context: TargetContext, params: FetchParams): Promise<MadeRevision> {
    const { layout } = context;
    const { revision, bundle, times, relayed, anew, deep } = params;
    if (anew) await replaceRepository(context);
    if (bundle !== undefined)
      await storeReceived(context, { sha: revision, times }, relayed ? layout.blob(bundle) : layout.bundle(bundle));
    if (!(await hasRef(context.git, revisionRef(revision)))) {
      throw new ScapError('base_missing', `Cannot make revision ${revision}: this target was not given its objects`);
    }
    return makeRevision(context, revision, { deep });
  }

  override async after({ layout }: TargetContext, { revision }: FetchParams): Promise<void> {
    rehearseSwitch(layout, revision);
  }
}

/** Git refuses to store an object anew that it has in damaged form. Complete revisions stay; what is missing for them is sent when needed. */
async function replaceRepository(context: TargetContext): Promise<void> {
  const away = workPath(context, 'damaged-repository');
  renameSync(context.layout.repo, away);
  context.trash.add(away);
  context.git.objects.close();
  await openRepository(context.layout.repo);
}

/** Takes a received bundle into the repository; the revision becomes known only when all of it is there. */
async function storeReceived(
  context: TargetContext,
  { sha: revision, times: expected }: { readonly sha: Sha; readonly times: Sha | undefined },
  path: string,
): Promise<void> {
  const { git } = context;
  const fd = openBundle(path);
  try {
    const { prerequisites, tips } = readBundleHeader(fd);
    const times = tips.get(timesRef(revision));
    if (!tips.has(revisionRef(revision)) || times === undefined) {
      throw new ScapError('bundle_damaged', `Cannot use a bundle: it does not hold revision ${revision}`);
    }
    // The revision's id vouches for all of it but its times, and another target may have made the bundle.
    if (expected !== undefined && times !== expected)
      throw new ScapError('bundle_damaged', `Cannot use a bundle: it has other file times for revision ${revision}`);
    for (const base of prerequisites)
      if (!(await hasRef(git, revisionRef(base))))
        throw new ScapError('base_missing', `Cannot use a bundle: this target does not have its base ${base}`);
    await storeBundle(git, fd, context.signal);
    // Each revision stands alone here: its parents may never have been sent.
    writeShallow(git, new Set([...readShallow(git), revision]));
    await updateRefs(git, [
      { name: revisionRef(revision), to: revision },
      { name: timesRef(revision), to: times },
    ]);
  } finally {
    closeSync(fd);
    // Under a name of its own: the next run may receive the same bundle while this one still empties its trash.
    const away = workPath(context, 'used-bundle');
    renameSync(path, away);
    context.trash.add(away);
  }
}

function openBundle(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw new ScapError('bundle_damaged', 'Cannot use a bundle: it was not received', { cause: error });
  }
}
