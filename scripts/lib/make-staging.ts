import { statSync } from 'node:fs';
import { claimOutputDirectory } from './output-directory.ts';
import { generateTree } from './staging/generate-tree.ts';
import { mutateTree } from './staging/mutate-tree.ts';
import { nestGit } from './staging/nest-git.ts';
import { type MakeStagingRequest, parseMakeStaging, USAGE } from './staging/parse-arguments.ts';
import { runScript, UsageError } from './usage-error.ts';

runScript('make-staging', () => {
  process.umask(0o022);
  const request = parseMakeStaging(process.argv.slice(2));
  if (request.verb === 'help') process.stdout.write(USAGE);
  else if (request.verb === 'mutate') mutate(request);
  else generate(request);
});

function generate({ directory, nestedGit, tree }: Extract<MakeStagingRequest, { verb: 'generate' }>): void {
  claimOutputDirectory(directory);
  const summary = generateTree(directory, tree);
  const checkouts = nestedGit ? nestGit(directory, summary.versions) : [];
  process.stdout.write(`${JSON.stringify({ ...summary, checkouts })}\n`);
}

function mutate({ directory, count, seed }: Extract<MakeStagingRequest, { verb: 'mutate' }>): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`Cannot edit files of "${directory}": it is not a directory`, 'Name a generated tree');
  }
  const paths = mutateTree(directory, count, seed);
  process.stdout.write(paths.map((path) => `${JSON.stringify({ path })}\n`).join(''));
}
