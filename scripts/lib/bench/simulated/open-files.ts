import { readFileSync } from 'node:fs';
import { ScriptFailure } from '../../program/async-script.ts';

/** What a process opens beside a socket for each host: its own files, git, and room for what is opened for a moment. */
const spare = 100;

/** Parses how many files a process may open out of the text of /proc/<pid>/limits; see proc(5). Node raises the soft limit to the hard one. */
export function parseOpenFiles(limits: string): number {
  const hard = /^Max open files +\S+ +(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

/** @throws ScriptFailure naming the command that raises the limit, when `allowed` files are too few for a fleet of that size. */
export function refuseFewOpenFiles(
  hosts: number,
  allowed = parseOpenFiles(readFileSync('/proc/self/limits', 'utf8')),
): void {
  const needed = hosts + spare;
  if (needed <= allowed) return;
  throw new ScriptFailure(
    `Cannot simulate ${hosts} hosts: a process may open ${allowed} files here, and ${needed} are needed`,
    `Raise the limit of this shell, then run again: sudo prlimit --pid $$ --nofile=${needed}`,
  );
}
