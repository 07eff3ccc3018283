import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { type BytePath, isWithin } from '../core/byte-path.ts';
import { ScapError } from '../core/errors.ts';
import { emptyManifest, isSameManifest, type Manifest } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import { createIndexBuilder, type IndexBuilder } from '../git/index-builder.ts';
import { createIndexCursor, type IndexCursor, type StatData, toStatData, unknownStat } from '../git/index-file.ts';
import { clockTickMs } from '../system/directory-stamps.ts';
import type { Capture, CapturedChange, CaptureOptions } from './capture.ts';
import { confirmSnapshot } from './confirm.ts';
import { type ContentReader, createContentReader } from './content-reader.ts';
import { scopeConflict, stagingChanged, uncapturable } from './refusals.ts';
import { ancestors, scopedManifest } from './scoped-manifest.ts';
import { type StagingWalk, type UnmovedFile, type WalkedFile, youngMs } from './walk.ts';
import { encodeMemory, rememberWalk } from './walk-memory.ts';

/** The state of one capture: a merge of the walk with the base's index, both in the same order. */
export class CapturePass {
  readonly #options: CaptureOptions;
  readonly #startedMs = Date.now();
  readonly #walk: StagingWalk;
  readonly #builder: IndexBuilder;
  readonly #content: ContentReader;
  readonly #times: number[] = [];
  readonly #changes: CapturedChange[] = [];
  readonly #leftOutDifferences: BytePath[] = [];
  /** True stat data of entries that the index marks unknown because they are too young to be trusted. */
  readonly #young = new Map<BytePath, StatData>();
  /** Files read so soon after they changed that only their content can confirm them. */
  readonly #rehash = new Map<BytePath, Sha>();
  readonly #scopeAncestors: ReadonlySet<BytePath>;
  #manifest: Manifest = emptyManifest;
  #bytes = 0;
  #seenFiles = 0;
  #sawHuge = false;
  /** Number of the base's entry under the cursor. */
  #ordinal = 0;

  constructor(options: CaptureOptions, walk: StagingWalk) {
    this.#options = options;
    this.#walk = walk;
    this.#builder = createIndexBuilder(options.base.bytes.length + 4096);
    this.#content = createContentReader(options.root, options.base, options.store);
    this.#scopeAncestors = new Set((options.scope ?? []).flatMap(ancestors));
  }

  get changed(): boolean {
    return this.#changes.length > 0 || !isSameManifest(this.#manifest, this.#options.baseManifest);
  }

  async run(): Promise<void> {
    const cursor = createIndexCursor(this.#options.base);
    const skip = (entry: IndexCursor) => this.#gone(entry);
    for (const file of this.#walk.files()) {
      if (++this.#seenFiles % 1024 === 0) await this.#breathe();
      const known = cursor.seek(file.path, skip);
      if (file.stats === undefined || (known && cursor.matches(file.stats, { ctime: true })))
        this.#unchanged(cursor, file);
      else await this.#examine(file, known ? cursor : undefined);
      if (known) {
        cursor.advance();
        this.#ordinal++;
      }
    }
    for (; !cursor.done; cursor.advance()) skip(cursor);
    this.#refuse();
    this.#manifest = this.#resultingManifest();
  }

  /** The second pass; see the head of `capture`. */
  async confirm(): Promise<void> {
    await confirmSnapshot({
      root: this.#options.root,
      excluder: this.#options.excluder,
      toConfirm: await this.#walk.toConfirm(),
      expected: this.#builder.view(),
      findings: this.#walk.findings,
      young: this.#young,
      rehash: this.#rehash,
      inScope: (path) => this.#inScope(path),
      signal: this.#options.signal,
    });
  }

  toCapture(): Capture {
    const { checkouts, leftOut, directories } = this.#walk.findings;
    return {
      changes: this.#changes,
      leftOutDifferences: this.#leftOutDifferences,
      files: this.#builder.count,
      bytes: this.#bytes,
      directories: directories.size,
      manifest: this.#manifest,
      checkouts,
      leftOut,
      readBytes: this.#content.readBytes,
      index: this.#builder,
      memory: this.#memory(),
      times: Uint32Array.from(this.#times),
    };
  }

  #memory(): unknown {
    // An index has no room for a size of 4 GiB: the next walk must look at such a file to know it.
    return this.#sawHuge
      ? undefined
      : encodeMemory(rememberWalk(this.#walk.findings, this.#options.excluder.patterns, this.#leftOutDifferences));
  }

  #resultingManifest(): Manifest {
    const { scope, base: baseFiles, baseManifest: base } = this.#options;
    const { emptyDirectories, modes } = this.#walk.findings;
    const staged = { emptyDirectories, modes };
    return scope === undefined
      ? staged
      : scopedManifest({ base, staged, scope, baseFiles, files: this.#builder.view() });
  }

  #inScope(path: BytePath): boolean {
    return this.#options.scope?.some((root) => isWithin(path, root)) ?? true;
  }

  #baseTime(): number {
    return this.#options.baseTimes[this.#ordinal] ?? 0;
  }

  #unchanged(entry: IndexCursor, { stats }: WalkedFile | UnmovedFile): void {
    this.#builder.addRaw(entry.raw());
    this.#times.push(this.#baseTime());
    this.#count(stats === undefined ? entry.size : Number(stats.size));
  }

  #count(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (sizeBytes >= 2 ** 32) this.#sawHuge = true;
  }

  /** A file that is new or whose stat data differ from the base's. */
  async #examine(file: WalkedFile, entry: IndexCursor | undefined): Promise<void> {
    const inScope = this.#inScope(file.path);
    if (!inScope && entry === undefined) {
      this.#leftOutDifferences.push(file.path);
      return;
    }
    const lookedAt = Date.now();
    const oid = await this.#content.read(file, entry, { keep: inScope });
    if (oid === undefined) {
      if (!inScope) this.#keepBase(entry as IndexCursor);
      return;
    }
    const same = entry !== undefined && entry.oid === oid && entry.mode === file.mode;
    if (!inScope && !same) this.#keepBase(entry as IndexCursor);
    else this.#take(file, { oid, entry, same, lookedAt });
  }

  #take({ path, mode, stats }: WalkedFile, { oid, entry, same, lookedAt }: ReadFile): void {
    const sizeBytes = Number(stats.size);
    const stat = toStatData(stats);
    const ctimeMs = Number(stats.ctimeMs);
    const young = ctimeMs >= this.#startedMs - youngMs;
    if (young) this.#young.set(path, stat);
    if (ctimeMs >= lookedAt - clockTickMs) this.#rehash.set(path, oid);
    this.#builder.add(path, mode, oid, young ? { ...unknownStat, size: stat.size } : stat);
    this.#times.push(same ? this.#baseTime() : 0);
    this.#count(sizeBytes);
    if (!same) this.#change({ path, old: sideOf(entry), new: { mode, oid, sizeBytes } });
  }

  #change(change: CapturedChange): void {
    if (this.#changes.length === 0) this.#options.onChange?.();
    this.#changes.push(change);
  }

  /** An entry of the base that staging no longer has. */
  #gone(entry: IndexCursor): void {
    if (this.#inScope(entry.path)) this.#change({ path: entry.path, old: sideOf(entry), new: undefined });
    else if (this.#scopeAncestors.has(entry.path)) throw scopeConflict(entry.path);
    else this.#keepBase(entry);
    this.#ordinal++;
  }

  /** Outside the scope the base wins; its entry is marked so that the next capture looks at the file again. */
  #keepBase(entry: IndexCursor): void {
    this.#leftOutDifferences.push(entry.path);
    this.#builder.add(entry.path, entry.mode, entry.oid, { ...unknownStat, size: entry.size });
    this.#times.push(this.#baseTime());
    this.#bytes += entry.size;
  }

  /** What is wrong elsewhere does not stop a push of some paths; what stands on the way to them does. */
  #refuse(): void {
    const concerns = (path: BytePath) => this.#inScope(path) || path === '' || this.#scopeAncestors.has(path);
    const { uncapturable: special, vanished } = this.#walk.findings;
    const unreadable = this.#content.unreadable.map((path) => ({ path, reason: 'unreadable' as const }));
    const refused = [...special, ...unreadable].filter(({ path }) => concerns(path));
    if (refused.length > 0) throw uncapturable(refused);
    const torn = [...vanished, ...this.#content.torn].filter(concerns);
    if (torn.length > 0) throw stagingChanged(torn);
  }

  async #breathe(): Promise<void> {
    await yieldToEvents();
    if (this.#options.signal?.aborted)
      throw new ScapError('interrupted', 'Stopped reading the staging tree on request');
    this.#options.onProgress?.({ files: this.#seenFiles, readBytes: this.#content.readBytes });
  }
}

/** A file that was read, and what the base has at its path. */
interface ReadFile {
  readonly oid: Sha;
  readonly entry: IndexCursor | undefined;
  readonly same: boolean;
  /** Just before it was read; milliseconds since 1970. */
  readonly lookedAt: number;
}

function sideOf(entry: IndexCursor | undefined): CapturedChange['old'] {
  return entry && { mode: entry.mode, oid: entry.oid, sizeBytes: entry.size };
}
