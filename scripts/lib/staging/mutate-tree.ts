import { chmodSync, lstatSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, drawBelow } from '../prng.ts';
import { UsageError } from '../usage-error.ts';

/**
 * Edits `count` regular files of a tree, chosen by the seed, each as an editor saves: temporary file, then rename.
 * Modes are kept; `.git` and file names that are not UTF-8 are left alone; hard links to other names are broken.
 *
 * @returns the edited paths, relative to the tree, in the order of their names.
 * @throws UsageError when the tree has fewer files, before anything is edited.
 */
export function mutateTree(root: string, count: number, seed: string): string[] {
  const paths = listFiles(root, '').sort();
  if (paths.length < count) {
    const found = `it holds ${String(paths.length)} editable files`;
    throw new UsageError(`Cannot edit ${String(count)} files of "${root}": ${found}`, 'Ask for fewer with --mutate');
  }
  const random = createRandom(seed, 'mutate');
  for (let i = 0; i < count; i++) {
    const other = i + drawBelow(random, paths.length - i);
    [paths[i], paths[other]] = [paths[other] ?? '', paths[i] ?? ''];
  }
  const chosen = paths.slice(0, count).sort();
  for (const path of chosen) editFile(root, path, seed);
  return chosen;
}

function listFiles(root: string, below: string): string[] {
  const files: string[] = [];
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    if (entry.name === '.git' || entry.name.includes('\ufffd')) continue;
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) files.push(...listFiles(root, path));
    else if (entry.isFile()) files.push(path);
  }
  return files;
}

function editFile(root: string, path: string, seed: string): void {
  const random = createRandom(seed, 'edit', path);
  const file = join(root, path);
  const before = readFileSync(file);
  const mode = lstatSync(file).mode & 0o7777;
  const temporary = `${file.slice(0, file.lastIndexOf('/'))}/.edit-${String(process.pid)}`;
  writeFileSync(temporary, editContent(path, before, drawBelow(random, 1e9).toString(36)), { flag: 'wx', mode: 0o600 });
  chmodSync(temporary, mode);
  renameSync(temporary, file);
}

/** Adds a line that keeps the file's syntax, or replaces the line that an earlier edit added there. */
function editContent(path: string, before: Buffer, token: string): Buffer {
  const text = before.toString('latin1');
  if (path.endsWith('.json')) {
    if (!/^\{\n(?=\s*")/.test(text)) return Buffer.concat([before, Buffer.from('\n')]);
    return Buffer.from(text.replace(/^\{\n(\s*"@edit": "[^"]*",\n)?/, `{\n\t"@edit": "${token}",\n`), 'latin1');
  }
  const comment = path.endsWith('.css') || path.endsWith('.less') ? `/* edit ${token} */\n` : `// edit ${token}\n`;
  return Buffer.from(text.replace(/(^|\n)(\/\/|\/\*) edit [a-z0-9]+( \*\/)?\n$/, '$1') + comment, 'latin1');
}
