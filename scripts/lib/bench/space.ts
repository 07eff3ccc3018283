import { statfsSync } from 'node:fs';
import { ScriptFailure } from '../program/async-script.ts';
import type { BenchRequest } from './parse-arguments.ts';

export interface SpaceNeeded {
  readonly bytes: number;
  readonly inodes: number;
}

/** Half a block of 4 KiB is lost at the end of a file, on average; one in seven entries is a directory, with a block. */
const slackPerFileBytes = 2048;
const directoryShare = 0.16;
const blockBytes = 4096;
/** Text compresses; the tree stands in four repositories of scap's and one for git archive. */
export const packedShare = 0.25;
/** The copy of the program, and what is small. */
export const constantBytes = 100e6;

/** Estimates what a run takes at its end: nothing is deleted before, since that would slow down what is measured next. */
export function estimateSpace(request: BenchRequest): SpaceNeeded {
  const { fileCount, totalBytes, firstRuns, runs, jobs, rollbackSizes } = request;
  const tree = treeSpace(fileCount, totalBytes);
  const treeJobs = jobs.filter((job) => job === 'one-file' || job === 'many-files').length;
  const full = 1 + firstRuns * 12 + treeJobs * runs * 3;
  // Directories of trees whose files are links: rsync's and scap's, and the spares.
  const linked = (jobs.length * runs + 2) * 6;
  const packed = (firstRuns * 4 + 1) * packedShare;
  const sizes = rollbackSizes.map((count) => treeSpace(count, (totalBytes / fileCount) * count));
  const others = sizes.reduce((sum, size) => sum + size.bytes * (4 + 4 * packedShare + 1), 0);
  return {
    bytes: constantBytes + tree.bytes * (full + packed) + linked * tree.directories * blockBytes + others,
    inodes: tree.inodes * full + linked * tree.directories + sizes.reduce((sum, size) => sum + size.inodes * 5, 0),
  };
}

/** What one full copy of a tree takes. */
export function treeSpace(fileCount: number, totalBytes: number) {
  const directories = fileCount * directoryShare;
  const bytes = totalBytes + fileCount * slackPerFileBytes + directories * blockBytes;
  return { bytes, directories, inodes: fileCount + directories };
}

/** Refuses a file system that is too small, before anything is written. @throws ScriptFailure with both figures. */
export function refuseSmallSpace(directory: string, { bytes, inodes }: SpaceNeeded): void {
  const { bavail, bsize, ffree, files } = statfsSync(directory);
  const hint = 'Lower --first-runs, --runs or --files, choose fewer jobs with --only, or another --dir';
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
  if (bavail * bsize < bytes * 1.1) {
    throw new ScriptFailure(
      `Cannot measure in "${directory}": ${gigabytes(bavail * bsize)} are free, ${gigabytes(bytes * 1.1)} are needed`,
      hint,
    );
  }
  // Some file systems have no fixed number of inodes and say 0.
  if (files > 0 && ffree < inodes * 1.1) {
    const wanted = Math.ceil(inodes * 1.1).toLocaleString('en-US');
    throw new ScriptFailure(
      `Cannot measure in "${directory}": ${ffree.toLocaleString('en-US')} inodes are free, ${wanted} are needed`,
      hint,
    );
  }
}

/** Names the type of the file system a directory is on, where it is a usual one. */
export function fileSystemName(directory: string): string {
  const names: Readonly<Record<number, string>> = {
    61267: 'ext4',
    1481003842: 'xfs',
    2435016766: 'btrfs',
    16914836: 'tmpfs',
    2035054128: 'overlayfs',
  };
  const { type } = statfsSync(directory);
  return names[type] ?? `file system 0x${type.toString(16)}`;
}
