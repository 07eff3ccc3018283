import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeListing } from './mediawiki/compare-listings.ts';
import { Farm } from './mediawiki/farm.ts';
import { editFile, type LaidOut, layOutStaging } from './mediawiki/lay-out.ts';
import type { TreeListing } from './mediawiki/list-tree.ts';
import { obtainPackage } from './mediawiki/obtain-package.ts';
import { Transcript } from './mediawiki/transcript.ts';
import { runAsyncScript } from './program/async-script.ts';
import { parseOptions } from './program/parse-options.ts';
import { inWorkDirectory } from './program/work-directory.ts';

const USAGE = `Usage: real-mediawiki [--keep] [--dir DIR]

Deploys the real thing: takes Debian's mediawiki package (downloaded by apt, not installed), lays out a staging tree of
three versions with it, one made of nested git checkouts, pushes it to three local targets, synchronises one edited file,
rolls back, pushes again; and compares every byte, type, link target and mode after each step. About 5 GB of disk.

  --keep      keep the directory
  --dir DIR   work there instead of in a temporary directory; must be empty or absent

Exit status: 0 all comparisons passed, 1 one failed, 2 usage, 3 the package cannot be had.
`;

await runAsyncScript('real-mediawiki', async (signal) => {
  const { keep, dir, help } = readOptions();
  if (help === true) {
    process.stdout.write(USAGE);
    return;
  }
  process.umask(0o022);
  const options = { prefix: 'real-mediawiki-', directory: dir, keep: keep === true };
  await inWorkDirectory(options, (directory) => deployMediawiki(directory, signal));
});

async function deployMediawiki(directory: string, signal: AbortSignal): Promise<void> {
  const transcript = new Transcript();
  const farm = new Farm(directory, transcript, signal);
  transcript.title(`Lay out the staging tree in ${directory}`);
  const obtained = await obtainPackage(directory, signal);
  const laidOut = await layOutStaging(obtained, farm.staging, signal);
  transcript.say(`Debian's mediawiki ${obtained.version}: ${laidOut.versions.join(', ')}`);
  const first = farm.expected();
  transcript.say(`${describeListing(first)}; ${laidOut.checkouts.length} nested checkouts`);

  await pushAll(farm, transcript, first);
  await pushNothing(farm, transcript);
  await syncOneFile(farm, transcript, first, laidOut);
  await rollBack(farm, transcript, first);
  await pushAgain(farm, transcript);
  if (!transcript.finish()) process.exitCode = 1;
}

async function pushAll(farm: Farm, transcript: Transcript, first: TreeListing): Promise<void> {
  transcript.title('Push the whole tree');
  await farm.scap('push', 'staging', '-m', 'First push');
  await farm.checkTargets('first push', first);
  await farm.diffTargets('first push');
}

async function pushNothing(farm: Farm, transcript: Transcript): Promise<void> {
  transcript.title('Push again without a change');
  const before = farm.liveLinks();
  await farm.scap('push', 'staging', '-m', 'Nothing new');
  await transcript.check('no-change push: nothing moved', () => ({
    problems: before === farm.liveLinks() ? [] : [`live paths were ${before}, are ${farm.liveLinks()}`],
    detail: 'the three live paths lead where they led',
  }));
}

async function syncOneFile(farm: Farm, transcript: Transcript, first: TreeListing, laidOut: LaidOut): Promise<void> {
  transcript.title('Edit two files, sync-file only the first');
  const wanted = `${laidOut.versions[2]}/includes/DefaultSettings.php`;
  const unrelated = 'wmf-config/CommonSettings.php';
  editFile(farm.staging, wanted, '\n// Deployed by sync-file\n');
  editFile(farm.staging, unrelated, '\n// Not to be deployed yet\n');
  await farm.scap('sync-file', `staging/${wanted}`, '-m', 'Only this one');
  const edited = farm.expected().get(wanted);
  const expected = new Map(first);
  if (edited !== undefined) expected.set(wanted, edited);
  await farm.checkTargets('sync-file', expected);
  await transcript.check('sync-file: the first edit is live, the second is not', () => {
    const tail = (path: string) => readFileSync(join(farm.live('web1'), path), 'latin1').slice(-40);
    const problems = [
      ...(tail(wanted).includes('Deployed by sync-file') ? [] : [`${wanted} is not deployed`]),
      ...(tail(unrelated).includes('Not to be deployed') ? [`${unrelated} is deployed`] : []),
    ];
    return { problems, detail: `${wanted} is, ${unrelated} is not` };
  });
}

async function rollBack(farm: Farm, transcript: Transcript, first: TreeListing): Promise<void> {
  transcript.title('Roll back');
  await farm.scap('rollback', '-m', 'Back to the first push');
  await farm.checkTargets('rollback', first);
}

async function pushAgain(farm: Farm, transcript: Transcript): Promise<void> {
  transcript.title('Push the whole tree again, with both edits');
  await farm.scap('push', 'staging', '-m', 'Everything');
  await farm.checkTargets('second push', farm.expected());
  await farm.diffTargets('second push');
  transcript.title('Let scap verify every byte itself');
  const { stdout } = await farm.scap('verify', '--deep', '--json');
  await transcript.check('verify --deep', () => ({
    problems: (JSON.parse(stdout) as { ok: boolean }).ok ? [] : [stdout],
    detail: 'no drift on any target',
  }));
}

function readOptions() {
  const options = {
    keep: { type: 'boolean' },
    dir: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  return parseOptions(process.argv.slice(2), options);
}
