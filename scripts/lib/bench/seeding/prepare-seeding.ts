import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from '../machine.ts';
import { createProgress } from '../progress.ts';
import { releaseScap } from '../scap-side.ts';
import { refuseSmallSpace } from '../space.ts';
import { makeSeedingTree } from './measure-seeding.ts';

/** Copies of the tree on the deploy host: staging, the objects, a bundle, and what rsync sends. */
const ownCopies = 4;

/** What every bench of seeding begins with: room for so many `copies` on hosts, a release of scap, and a staging tree of `totalBytes`. */
export async function prepareSeeding(directory: string, totalBytes: number, copies: number, signal: AbortSignal) {
  const all = copies + ownCopies;
  refuseSmallSpace(directory, { bytes: totalBytes * all, inodes: all * 1000 });
  const machine = await describeMachine(directory, signal);
  const program = await releaseScap(join(directory, 'program'), signal);
  const staging = join(directory, 'staging');
  mkdirSync(staging);
  makeSeedingTree(staging, totalBytes);
  return { machine, say: createProgress(), program, staging };
}
