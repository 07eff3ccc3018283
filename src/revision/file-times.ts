/**
 * When each file of a revision was last changed: one number per file, kept beside the revision as a blob.
 *
 * A host that gets a revision from nothing must give its files the same times as a host that updated step by step; the tree alone
 * cannot say them. The order is that of git's index without `.scap/manifest.json`; when there is a manifest, its time comes last.
 */

/** Encodes seconds since 1970, four bytes each, highest first. */
export function encodeTimes(times: Uint32Array): Buffer {
  const bytes = Buffer.allocUnsafe(times.length * 4);
  for (let i = 0; i < times.length; i++) bytes.writeUInt32BE(times[i] ?? 0, i * 4);
  return bytes;
}

export function decodeTimes(bytes: Buffer): Uint32Array {
  const times = new Uint32Array(bytes.length / 4);
  for (let i = 0; i < times.length; i++) times[i] = bytes.readUInt32BE(i * 4);
  return times;
}

/** Fills in the time of what changed (0) and appends the manifest's, when there is a manifest. */
export function completeTimes(times: Uint32Array, changedAt: number, manifestTime: number | undefined): Uint32Array {
  const all = new Uint32Array(times.length + (manifestTime === undefined ? 0 : 1));
  for (let i = 0; i < times.length; i++) all[i] = times[i] || changedAt;
  if (manifestTime !== undefined) all[times.length] = manifestTime;
  return all;
}
