/**
 * Linking a file into a new revision and unlinking it from an old one change its ctime, as tampering does. scap notes when it did so
 * itself; a file whose ctime moved at any other time since its content was last verified is looked at closely, even when size and
 * mtime were put back.
 */
import { lutimesSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileSwiftly } from '../system/atomic-file.ts';
import type { TargetLayout } from './layout.ts';

/** Milliseconds since 1970, by the clock of the cache's file system; `to` is `null` while the work goes on or when it was cut off. */
export interface CtimeWindow {
  readonly from: number;
  readonly to: number | null;
}

/** Kernels stamp files with a clock that moves in ticks of up to 10 ms. A file system whose clock is slower than this is not waited for. */
const longestTickMs = 50;
const keptWindows = 200;

/** A file's ctime as {@link isSuspicious} compares it: milliseconds since 1970, to the microsecond. */
export function toCtimeMs({ ctimeNs }: { readonly ctimeNs: bigint }): number {
  return Number(ctimeNs / 1000n) / 1000;
}

/** Tells whether a file's ctime moved after `verifiedAt` at a time scap did not touch it. All times in milliseconds since 1970. */
export function isSuspicious(ctimeMs: number, verifiedAt: number, windows: readonly CtimeWindow[]): boolean {
  if (ctimeMs <= verifiedAt) return false;
  return !windows.some(({ from, to }) => ctimeMs >= from && (to === null || ctimeMs <= to));
}

/** The windows noted so far; none when the file is missing or unreadable, which only costs a closer look. */
export function readWindows(layout: TargetLayout): CtimeWindow[] {
  try {
    const windows: unknown = JSON.parse(readFileSync(layout.ctimeWindows, 'utf8'));
    return Array.isArray(windows) ? (windows as CtimeWindow[]) : [];
  } catch {
    return [];
  }
}

/** Runs `work` inside a window. A power cut may lose it, which only costs a closer look. */
export async function withinWindow<T>(layout: TargetLayout, work: () => Promise<T>): Promise<T> {
  const from = await nextTick(layout);
  save(layout, [...readWindows(layout), { from, to: null }]);
  try {
    return await work();
  } finally {
    const to = stampNow(layout);
    save(
      layout,
      readWindows(layout).map((window) => (window.from === from && window.to === null ? { from, to } : window)),
    );
  }
}

/**
 * Waits until the file system stamps changes with a later time than those made so far, and returns that time. What somebody did a moment
 * before a window must not seem to be in it.
 */
async function nextTick(layout: TargetLayout): Promise<number> {
  const before = stampNow(layout);
  const deadline = performance.now() + longestTickMs;
  for (;;) {
    const now = stampNow(layout);
    if (now > before || performance.now() > deadline) return now;
    await sleep(1);
  }
}

/** The time a change made now is stamped with. */
function stampNow(layout: TargetLayout): number {
  const path = layout.ctimeWindows;
  if (statSync(path, { throwIfNoEntry: false }) === undefined) save(layout, []);
  const now = new Date();
  lutimesSync(path, now, now);
  return toCtimeMs(statSync(path, { bigint: true }));
}

/** No work of ours on files goes on for longer than this after it was announced; in milliseconds. */
const longestWorkMs = 10 * 60 * 1000;

/** Ends windows that a killed agent left open. It may have been killed at once: what happened long after is not its doing. */
export function closeOpenWindows(layout: TargetLayout): void {
  const windows = readWindows(layout);
  const now = Date.now();
  if (windows.some(({ to }) => to === null))
    save(
      layout,
      windows.map(({ from, to }) => ({ from, to: to ?? Math.min(now, from + longestWorkMs) })),
    );
}

/** Makes every file whose ctime moved since it was verified suspicious, whoever moved it. */
export function forgetWindows(layout: TargetLayout): void {
  save(layout, []);
}

function save(layout: TargetLayout, windows: readonly CtimeWindow[]): void {
  writeFileSwiftly(layout.ctimeWindows, JSON.stringify(windows.slice(-keptWindows)));
}
