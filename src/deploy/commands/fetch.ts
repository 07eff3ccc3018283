import { ScapError } from '../../core/errors.ts';
import type { Sha } from '../../core/sha.ts';
import type { Host } from '../../inventory/host.ts';
import type { Task } from '../../plan/plan.ts';
import { diffRevisions } from '../../revision/revision-diff.ts';
import { chooseBase } from '../bundle-store.ts';
import { isOfCopy } from '../distribution/copy-blob.ts';
import type { Arrival, Receiver } from '../distribution/receiver.ts';
import { checkSpace, estimateNeed } from '../space.ts';
import type { TargetReport } from '../target-client.ts';
import type { CommandWorld, Notify, RunContext, TaskResult } from './command.ts';
import { HostCommand, hostOf, revisionOf } from './host-command.ts';

interface FetchArguments {
  readonly revision: Sha;
  /** Hash every byte of what the host has already. */
  readonly deep: boolean;
}

/** How a bundle came to a host. */
type Transfer = Arrival & { readonly sha256: string };

/** Brings a revision to a host: sends what it lacks, then has it make the revision. */
export class FetchCommand extends HostCommand<FetchArguments> {
  readonly name: string = 'fetch';

  parse(task: Task): FetchArguments {
    return { revision: revisionOf(task), deep: task.deep === true };
  }

  describe({ revision }: FetchArguments, task: Task): string {
    return `fetch revision ${revision.slice(0, 12)} on ${task.host}`;
  }

  override async initialize(world: CommandWorld, args: FetchArguments, task: Task): Promise<void> {
    await super.initialize(world, args, task);
    requireRevision(world, args.revision);
  }

  async execute(run: RunContext, args: FetchArguments, task: Task, notify: Notify): Promise<TaskResult> {
    const { revision } = args;
    const report = await run.fleet.report(hostOf(task));
    const isHeld = report.held.includes(revision);
    const transfer = isHeld ? undefined : await this.#transfer(run, revision, task, report, notify);
    try {
      return await this.#make(run, args, task, notify, transfer);
    } catch (error) {
      // The target's repository turned out to lack what it claimed, or to be damaged: once, it is given everything.
      if (!(error instanceof ScapError) || !speaksOfRepository(error)) throw error;
      notify({ kind: 'note', code: 'fetch.complete', message: `${error.message}; sending the whole revision` });
      const complete = await this.#sendAll(run, revision, task, notify);
      return this.#make(run, args, task, notify, { ...complete, anew: true });
    }
  }

  async #transfer(run: RunContext, revision: Sha, task: Task, report: TargetReport, notify: Notify): Promise<Transfer> {
    const { repository } = run;
    const known = [...repository.deploys()].sort(([a], [b]) => b - a).map(([, sha]) => sha);
    const base = chooseBase(
      new Set(report.held),
      repository.live(),
      known.filter((sha) => repository.has(sha)),
    );
    const near = base === undefined ? await this.#fromNear(run, revision, task, report, notify) : undefined;
    if (near !== undefined) return near;
    const bundle = await run.bundles.bundle(revision, base);
    const admit = await this.#spaceCheck(run, revision, base, bundle.sizeBytes, task, report);
    const arrival = await run.distributor.bring(bundle, { ...(await this.#receiver(run, task, notify)), admit });
    return { ...arrival, sha256: bundle.sha256 };
  }

  /** All of it, from a host of the same site that has it; `undefined` when none can, or when it is not worth the trouble. */
  async #fromNear(run: RunContext, revision: Sha, task: Task, report: TargetReport, notify: Notify) {
    const { record } = await run.repository.read(revision);
    if (record.bytes < run.distributor.thresholdBytes) return undefined;
    const receiver = await this.#receiver(run, task, notify);
    const origin = await run.neighbours.find(revision, receiver.host);
    if (origin === undefined) return undefined;
    const { sha256, sizeBytes } = origin.blob;
    const admit = await this.#spaceCheck(run, revision, undefined, sizeBytes, task, report);
    try {
      return { ...(await run.distributor.bringFrom(origin, { ...receiver, admit })), sha256 };
    } catch (error) {
      // Those near it are no use to it; the deploy host is left.
      if (!(error instanceof ScapError) || !isOfCopy(error, false)) throw error;
      notify({ kind: 'note', code: 'fetch.elsewhere', message: `${error.message}; taking it from the deploy host` });
      return undefined;
    }
  }

  /** Straight from here, all of it. */
  async #sendAll(run: RunContext, revision: Sha, task: Task, notify: Notify): Promise<Transfer> {
    const bundle = await run.bundles.bundle(revision, undefined);
    const arrival = await run.distributor.send(bundle, await this.#receiver(run, task, notify));
    return { ...arrival, sha256: bundle.sha256 };
  }

  async #receiver(run: RunContext, task: Task, notify: Notify): Promise<Receiver> {
    return { host: run.hosts.get(hostOf(task)) as Host, connection: await this.connect(run, task), notify };
  }

  async #make(
    run: RunContext,
    { revision, deep }: FetchArguments,
    task: Task,
    notify: Notify,
    transfer: (Transfer & { readonly anew?: boolean }) | undefined,
  ): Promise<TaskResult> {
    const params = {
      revision,
      deep,
      adopt: run.adopt,
      ...(transfer && {
        bundle: transfer.sha256,
        times: run.repository.timesId(revision),
        relayed: transfer.relayed,
        anew: transfer.anew === true,
      }),
    };
    const made = await this.runStage(run, task, params, { timeoutMs: run.timeouts.fetchMs, notify });
    return { result: resultText(made.result), data: { ...made, ...describeTransfer(transfer) } };
  }

  /** What tells whether there is room, given what the host holds of the bundle already. */
  async #spaceCheck(
    run: RunContext,
    revision: Sha,
    base: Sha | undefined,
    bundleBytes: number,
    task: Task,
    report: TargetReport,
  ): Promise<(heldBytes: number) => void> {
    const { repository } = run;
    const wanted = await repository.read(revision);
    const linkable = base !== undefined && report.complete.includes(base);
    const delta = linkable ? (await diffRevisions(repository, await repository.read(base), wanted)).totals : undefined;
    const { files, bytes, directories } = wanted.record;
    const added = delta && { files: delta.added + delta.changed, bytes: delta.bytes };
    return (heldBytes) => {
      const need = estimateNeed({ files, bytes, directories, delta: added, bundleBytes, heldBytes });
      checkSpace(report, need, hostOf(task));
    };
  }
}

/** What a host's log says of how the bytes came: from the deploy host, or from which others. */
function describeTransfer(transfer: Transfer | undefined): Readonly<Record<string, unknown>> {
  if (!transfer?.relayed) return { sentBytes: transfer?.sentBytes ?? 0 };
  const { sentBytes, tier, resumedBytes, bytesFrom } = transfer;
  return { sentBytes, tier, resumedBytes, bytesFrom: Object.fromEntries(bytesFrom) };
}

/**
 * Tells whether an error speaks of the target's repository. A thin bundle over a damaged base is refused by git as damaged, and a damaged object ends
 * the git process that reads it; a git that was killed, or another program that failed, says nothing about it.
 */
function speaksOfRepository({ code, data }: ScapError): boolean {
  if (code !== 'process_failed') return ['repository_damaged', 'base_missing', 'bundle_damaged'].includes(code);
  const argv = Array.isArray(data.argv) ? data.argv : [];
  return argv[0] === 'git' && data.exitCode === 128;
}

export function requireRevision({ repository }: CommandWorld, revision: Sha): void {
  if (repository.has(revision)) return;
  throw new ScapError(
    'revision_unknown',
    `Cannot deploy revision ${revision}: the deploy repository does not hold it`,
    {
      hint: 'List what it holds with: scap history',
    },
  );
}

function resultText(result: unknown): string {
  const texts: Record<string, string> = {
    present: 'already complete',
    repaired: 'repaired',
    link: 'linked',
    recycle: 'recycled',
    archive: 'written',
  };
  const text = String(result);
  // The target's word: "constructor" is none of ours.
  return (Object.hasOwn(texts, text) && texts[text]) || text;
}
