/**
 * The deploy repository: every revision, what should be live, and which deploys there were.
 *
 * `refs/heads/main` is the newest revision, `refs/scap/live` what should be live, `refs/scap/deploys/<n>` what run n deployed,
 * `refs/scap/times/<sha>` and `refs/scap/records/<sha>` the blobs that go with a revision.
 */
import { existsSync } from 'node:fs';
import { ScapError } from '../core/errors.ts';
import { decodeManifest, type Manifest, manifestPath } from '../core/manifest.ts';
import { isSha, isShaPrefix, type Sha } from '../core/sha.ts';
import { timesRef } from '../git/bundle.ts';
import { createGit, type Git } from '../git/git-command.ts';
import { openRepository, readFileOf, readObject, readRefs, readTreeOf, updateRefs } from '../git/repository.ts';
import { decodeCommit, type RevisionInfo } from './commit-object.ts';
import { decodeTimes } from './file-times.ts';
import { decodeRecord, type RevisionRecord } from './revision-record.ts';

export const mainRef = 'refs/heads/main';
export const liveRef = 'refs/scap/live';

export function deployRef(n: number): string {
  return `refs/scap/deploys/${n}`;
}

export function recordRef(revision: Sha): string {
  return `refs/scap/records/${revision}`;
}

/** A revision with all that belongs to it. */
export interface Revision {
  readonly sha: Sha;
  readonly info: RevisionInfo;
  readonly record: RevisionRecord;
}

export interface DeployRepository {
  readonly git: Git;
  /** The newest revision; `undefined` before the first push. */
  main(): Sha | undefined;
  /** What should be live; `undefined` before the first successful push. */
  live(): Sha | undefined;
  /** Every revision the repository holds with its record. */
  revisions(): ReadonlySet<Sha>;
  /** Numbers of the deploys whose revision is kept, with that revision. */
  deploys(): ReadonlyMap<number, Sha>;
  has(revision: Sha): boolean;
  /** The id of the file times' blob of a revision. */
  timesId(revision: Sha): Sha;
  read(revision: Sha): Promise<Revision>;
  readTree(revision: Sha): Promise<Sha>;
  readTimes(revision: Sha): Promise<Uint32Array>;
  readManifest(revision: Sha): Promise<Manifest>;
  /** Finds the one revision whose id starts with `prefix`. Throws `revision_unknown` or `revision_ambiguous`. */
  resolve(prefix: string): Sha;
  /** Changes refs in one transaction. */
  update(refs: ReadonlyMap<string, Sha | undefined>): Promise<void>;
}

/**
 * Opens the deploy repository at `gitDir`. With `create` one that is missing is made; without, it reads as an empty one and nothing is
 * touched.
 */
export async function openDeployRepository(
  gitDir: string,
  { create }: { readonly create: boolean },
): Promise<DeployRepository> {
  if (!create && !existsSync(gitDir)) return new GitDeployRepository(createGit(gitDir), new Map());
  const git = create ? await openRepository(gitDir) : createGit(gitDir);
  return new GitDeployRepository(git, await readRefs(git));
}

class GitDeployRepository implements DeployRepository {
  readonly git: Git;
  #refs: ReadonlyMap<string, Sha>;
  /** Found in `#refs` when it is first asked for: a fetch asks for each of its hosts. */
  #deploys: ReadonlyMap<number, Sha> | undefined;
  /** What was read once stays so: names of revisions are hashes of them. */
  readonly #read = new Map<Sha, Promise<Revision>>();

  constructor(git: Git, refs: ReadonlyMap<string, Sha>) {
    this.git = git;
    this.#refs = refs;
  }

  main(): Sha | undefined {
    return this.#refs.get(mainRef);
  }

  live(): Sha | undefined {
    return this.#refs.get(liveRef);
  }

  revisions(): ReadonlySet<Sha> {
    return new Set(this.#suffixes('refs/scap/records/').filter(isSha));
  }

  deploys(): ReadonlyMap<number, Sha> {
    this.#deploys ??= findDeploys(this.#refs);
    return this.#deploys;
  }

  has(revision: Sha): boolean {
    return this.#refs.has(recordRef(revision));
  }

  timesId(revision: Sha): Sha {
    const oid = this.#refs.get(timesRef(revision));
    if (oid !== undefined) return oid;
    throw new ScapError(
      'repository_damaged',
      `Cannot find the file times of revision ${revision} in "${this.git.gitDir}"`,
    );
  }

  read(revision: Sha): Promise<Revision> {
    const reading = this.#read.get(revision) ?? this.#readAnew(revision);
    this.#read.set(revision, reading);
    reading.catch(() => this.#read.delete(revision));
    return reading;
  }

  async #readAnew(revision: Sha): Promise<Revision> {
    const [commit, record] = await Promise.all([
      readObject(this.git, revision, 'commit'),
      readObject(this.git, recordRef(revision)),
    ]);
    if (commit === undefined || record === undefined) throw this.#missing(revision);
    return { sha: revision, info: decodeCommit(commit), record: decodeRecord(record) };
  }

  readTree(revision: Sha): Promise<Sha> {
    return readTreeOf(this.git, revision);
  }

  async readTimes(revision: Sha): Promise<Uint32Array> {
    const bytes = await readObject(this.git, this.timesId(revision));
    if (bytes === undefined) throw this.#missing(revision);
    return decodeTimes(bytes);
  }

  async readManifest(revision: Sha): Promise<Manifest> {
    return decodeManifest(await readFileOf(this.git, revision, manifestPath));
  }

  resolve(prefix: string): Sha {
    const wanted = prefix.toLowerCase();
    const found = isShaPrefix(prefix) ? [...this.revisions()].filter((sha) => sha.startsWith(wanted)) : [];
    if (found.length === 1 && found[0] !== undefined) return found[0];
    if (found.length > 1) {
      throw new ScapError(
        'revision_ambiguous',
        `Cannot tell which revision "${prefix}" means: ${found.length} start with it`,
        {
          hint: `Type more digits of one of: ${found.slice(0, 5).join(', ')}`,
          data: { found },
        },
      );
    }
    throw new ScapError('revision_unknown', `Cannot find a revision "${prefix}" in the deploy repository`, {
      hint: 'List the deploys with: scap history',
    });
  }

  async update(refs: ReadonlyMap<string, Sha | undefined>): Promise<void> {
    await updateRefs(
      this.git,
      [...refs].map(([name, to]) => ({ name, to })),
    );
    // Not read anew: what was changed is known, and failing after the change would look as if it had not been made.
    const after = new Map(this.#refs);
    for (const [name, to] of refs) {
      if (to === undefined) after.delete(name);
      else after.set(name, to);
    }
    this.#refs = after;
    this.#deploys = undefined;
  }

  #suffixes(prefix: string): string[] {
    return [...this.#refs.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  #missing(revision: Sha): ScapError {
    return new ScapError(
      'repository_damaged',
      `Cannot read revision ${revision}: "${this.git.gitDir}" does not hold all of it`,
    );
  }
}

function findDeploys(refs: ReadonlyMap<string, Sha>): ReadonlyMap<number, Sha> {
  const prefix = 'refs/scap/deploys/';
  const found = [...refs].filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, sha]) => [Number(name.slice(prefix.length)), sha]));
}
