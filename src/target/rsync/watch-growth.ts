import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export interface GrowthOptions {
  /** Told how large the file is, some times a second. */
  readonly onProgress: (bytes: number) => void;
  /** Called when it is larger than it may become. */
  readonly onTooLarge: () => void;
}

const lookEveryMs = 250;

/** Watches a file that another program writes, until it is disposed of: what that program says of itself may come from elsewhere. */
export function watchGrowth(path: string, most: number, { onProgress, onTooLarge }: GrowthOptions): Disposable {
  const timer = setInterval(() => {
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > most) onTooLarge();
    else onProgress(bytes);
  }, lookEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Whether so little space is left beside a file that nothing more can be written. */
export function isDiskFull(path: string): boolean {
  const { bavail, bsize, ffree, files } = statfsSync(dirname(path));
  return bavail * bsize < 1024 * 1024 || (files > 0 && ffree === 0);
}
