import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { drawBelow, pick, type Random } from '../prng.ts';

const directories = ['', 'a', 'a/b', 'a/b/c', 'd', 'e/f', 'g h'];
const modes = [0o644, 0o644, 0o755, 0o640, 0o600];
const firstFiles = 60;
const largestBytes = 20_000;

/** Makes the staging tree a soak begins with. */
export function createStaging(root: string, random: Random): void {
  mkdirSync(root);
  writeFileSync(join(root, 'number'), '0\n');
  for (let i = 0; i < firstFiles; i++) writeRandomFile(root, newName(random), random);
}

/** Changes the tree at one to six places, and its file `number`, so that no two trees of a soak are equal. */
export function changeStaging(root: string, random: Random, number: number): void {
  writeFileSync(join(root, 'number'), `${number}\n`);
  for (let i = 0; i <= drawBelow(random, 6); i++) changeOne(root, random);
}

function changeOne(root: string, random: Random): void {
  const path = pickFile(root, random);
  switch (drawBelow(random, 6)) {
    case 0:
      writeRandomFile(root, newName(random), random);
      return;
    case 1:
      rmSync(join(root, path));
      return;
    case 2:
      if (!lstatSync(join(root, path)).isSymbolicLink()) chmodSync(join(root, path), pick(random, modes));
      return;
    case 3:
      rmSync(join(root, path));
      symlinkSync(`to-${drawBelow(random, 1000)}`, join(root, path));
      return;
    case 4:
      rmSync(join(root, path));
      writeRandomFile(root, `${path}/below`, random);
      return;
    default:
      writeRandomFile(root, path, random);
  }
}

function pickFile(root: string, random: Random): string {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path !== 'number' && !lstatSync(join(root, path)).isDirectory(),
  );
  if (files.length > firstFiles / 4) return pick(random, files.sort());
  const path = newName(random);
  writeRandomFile(root, path, random);
  return path;
}

const newName = (random: Random) => join(pick(random, directories), `file-${drawBelow(random, 1e6)}`);

function writeRandomFile(root: string, path: string, random: Random): void {
  const at = join(root, path);
  if (dirname(at) !== root && existsSync(dirname(at)) && !lstatSync(dirname(at)).isDirectory()) rmSync(dirname(at));
  mkdirSync(dirname(at), { recursive: true });
  const isFile = existsSync(at) && lstatSync(at).isFile();
  const before = isFile ? readFileSync(at) : Buffer.alloc(0);
  rmSync(at, { force: true, recursive: true });
  const word = Math.floor(random() * 2 ** 32).toString(36);
  // Sometimes the same size again: size alone must not decide what changed.
  const size = before.length > 0 && random() < 0.5 ? before.length : drawBelow(random, largestBytes);
  writeFileSync(at, word.repeat(1 + size / word.length).slice(0, size), { mode: pick(random, modes) });
}
