import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
} from 'node:fs';

/**
 * Opens the regular file that `walked` describes; `undefined` when another stands there by now, or it has changed. Neither a link nor a FIFO that
 * took the file's place is followed or waited for, and a file of that name in a directory that was swapped in is told by its inode.
 */
export function openWalked(path: string | Buffer, walked: BigIntStats): number | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (isSameFile(fstatSync(fd, { bigint: true }), walked)) return fd;
  closeSync(fd);
  return undefined;
}

/** The content of the file that `walked` describes, if it fits in memory, or the target of the link; `undefined` when it is another by now. */
export function readWalked(path: string | Buffer, walked: BigIntStats): Buffer | undefined {
  if (walked.isSymbolicLink()) {
    const target = readlinkSync(path, { encoding: 'buffer' });
    return isSameFile(lstatSync(path, { bigint: true }), walked) ? target : undefined;
  }
  const fd = openWalked(path, walked);
  if (fd === undefined) return undefined;
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return (
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.mode === b.mode &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}
