import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ScriptFailure } from '../program/async-script.ts';
import { type Argv, type Finished, runProgram } from '../program/run-program.ts';

const missingProgram = 3;

export interface ObtainedPackage {
  /** For example `1:1.39.17-1+deb12u2`. */
  readonly version: string;
  /** Where its files were unpacked; nothing is installed. */
  readonly files: string;
}

/**
 * Downloads Debian's package `mediawiki` with apt and unpacks it below `directory`. The lists of packages are refreshed
 * when apt does not know it.
 *
 * @throws ScriptFailure with exit status 3, naming the command, when apt cannot.
 */
export async function obtainPackage(directory: string, signal: AbortSignal): Promise<ObtainedPackage> {
  const [downloads, files] = [join(directory, 'download'), join(directory, 'package')];
  mkdirSync(downloads);
  mkdirSync(files);
  const download: Argv = ['apt-get', 'download', 'mediawiki'];
  try {
    await runProgram(download, { cwd: downloads, signal });
  } catch {
    await orTellHow(['apt-get', 'update'], downloads, signal);
    await orTellHow(download, downloads, signal);
  }
  const archive = readdirSync(downloads).find((name) => name.endsWith('.deb')) ?? '';
  const unpack: Argv = ['dpkg-deb', '-x', join(downloads, archive), files];
  await orTellHow(unpack, downloads, signal);
  const field: Argv = ['dpkg-deb', '-f', join(downloads, archive), 'Version'];
  const { stdout } = await orTellHow(field, downloads, signal);
  return { version: stdout.trim(), files };
}

async function orTellHow(argv: Argv, cwd: string, signal: AbortSignal): Promise<Finished> {
  try {
    return await runProgram(argv, { cwd, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const said = error instanceof Error ? error.message : String(error);
    throw new ScriptFailure(
      `Cannot obtain Debian's mediawiki package: ${said}`,
      'On Debian or Ubuntu, as root, see that this works: apt-get update && apt-get download mediawiki',
      missingProgram,
    );
  }
}
