import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { copyTree } from './fixture/copy-tree.ts';
import { countTree } from './fixture/count-tree.ts';
import { addGitTraps } from './fixture/git-traps.ts';
import { addHostileNames } from './fixture/hostile-names.ts';
import { nestCheckouts } from './fixture/nest-checkouts.ts';
import { addOddFiles } from './fixture/odd-files.ts';
import { addOddLinks } from './fixture/odd-links.ts';
import { addOddModes } from './fixture/odd-modes.ts';
import { claimOutputDirectory } from './output-directory.ts';
import { toUsageError } from './program/parse-options.ts';
import { runScript, UsageError } from './usage-error.ts';

const USAGE = `Usage: make-fixture [--small] [--storable] OUTDIR

Copies fixtures/mediawiki-staging to OUTDIR and makes it a real staging tree: nested git checkouts in many states, and
below hostile/ everything a deploy tool has to survive. Prints one JSON line; counts leave .git out.

  --small      50 entries instead of 3,000 in hostile/many
  --storable   leave out the names that git cannot store in any way (.GIT, .Git)
`;

runScript('make-fixture', () => {
  process.umask(0o022);
  const { small, storable, directory } = parseMakeFixture(process.argv.slice(2));
  if (directory === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  claimOutputDirectory(directory);
  copyTree(join(import.meta.dirname, '../../fixtures/mediawiki-staging'), directory);
  addGitTraps(directory);
  const checkouts = nestCheckouts(directory);
  addOddFiles(directory, small ? 50 : 3000);
  addOddLinks(directory);
  addHostileNames(directory, !storable);
  addOddModes(directory);
  process.stdout.write(`${JSON.stringify({ ...countTree(directory), checkouts })}\n`);
});

interface FixtureRequest {
  readonly small: boolean;
  readonly storable: boolean;
  /** Absent when only help is wanted. */
  readonly directory: string | undefined;
}

function parseMakeFixture(args: readonly string[]): FixtureRequest {
  const { values, positionals } = parseOptions(args);
  const wanted = { small: values.small === true, storable: values.storable === true };
  if (values.help === true) return { ...wanted, directory: undefined };
  const [directory] = positionals;
  if (directory !== undefined && directory !== '' && positionals.length === 1) return { ...wanted, directory };
  const found = `found ${String(positionals.length)}`;
  throw new UsageError(`Cannot tell which directory is meant: ${found}, wanted exactly one`, 'See --help');
}

function parseOptions(args: readonly string[]) {
  const options = {
    small: { type: 'boolean' },
    storable: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw toUsageError(error);
  }
}
