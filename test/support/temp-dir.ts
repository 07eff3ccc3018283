// Temporary directories that are gone when the test is, whatever modes it left behind.
import { chmodSync, lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** Returns a function that makes a fresh directory; all of them are removed after each test of the file. */
export function useTempDirs(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) removeTree(path);
  });
  return () => {
    const path = realpathSync(mkdtempSync(join(tmpdir(), 'scap-test-')));
    made.push(path);
    // Tests that give up root's rights must still get here.
    chmodSync(path, 0o755);
    return path;
  };
}

function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    makeWritable(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

/** Without root's rights a directory's mode may keep even its owner from emptying it. */
function makeWritable(directory: Buffer): void {
  chmodSync(directory, 0o700);
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    if (lstatSync(path).isDirectory()) makeWritable(path);
  }
}
