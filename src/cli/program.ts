/**
 * The command line: names, options and help. What a command does stands in `commands/`, loaded when it is called: starting is fast.
 */
import {
  Command,
  CommanderError,
  type CommandUnknownOpts,
  InvalidArgumentError,
  Option,
} from '@commander-js/extra-typings';
import packageJson from '../../package.json' with { type: 'json' };
import { parseDuration } from '../core/duration.ts';
import { type ExitStatus, exitStatus } from '../core/errors.ts';
import type { Io } from './io.ts';

/** Runs the program with the given arguments and returns its exit status. Never throws for anything the operator typed. */
export async function runProgram(argv: readonly string[], io: Io): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.ok;
  const program = createProgram(io, (result) => {
    status = result;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitStatus.ok;
    if (argv.includes('--json')) io.stdout.write(`${formatMistake(error)}\n`);
    return exitStatus.usage;
  }
}

/** What was mistyped, as the document that every other error is with `--json`; people were told. */
function formatMistake({ message }: CommanderError): string {
  const [first = '', ...more] = message.replace(/^error: /, '').split('\n');
  const hint = more.join(' ').trim();
  const error = { code: 'usage', message: first, ...(hint !== '' && { hint }) };
  return JSON.stringify({ ok: false, status: exitStatus.usage, error }, null, 2);
}

function createProgram(io: Io, done: (status: ExitStatus) => void) {
  const program = new Command('scap')
    .description('Deploys a staging tree to every target as one immutable revision, atomically and reversibly.')
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .enablePositionalOptions();

  const command = (usage: string, description: string) =>
    program
      .command(usage)
      .description(description)
      .option(
        '--config <file>',
        'configuration file; default: $SCAP_CONFIG, scap.yaml here or above, /etc/scap/scap.yaml',
      )
      .option('--json', 'print one result document on stdout')
      .option('--verbose', 'tell more on stderr');
  const deploying = (usage: string, description: string) =>
    command(usage, description)
      .option('-m, --message <text>', 'why; recorded with the revision and the run', message)
      .option('--dry-run', 'show what would change and the plan; touch nothing')
      .addOption(eventsOption())
      .option('--adopt', 'move what stands at a live path and is not ours aside, once')
      .option('--force', 'take over from another deploy host')
      .addOption(limitOption())
      .addOption(waitOption());
  const undoable = (usage: string, description: string) =>
    deploying(usage, description).option('--no-rollback', 'when the run fails, leave promoted hosts as they are');

  undoable('push', 'deploy the whole staging tree, or only PATH inside it')
    .argument('[path]', 'the staging tree; default from the configuration')
    .option('--allow-shrink', 'accept a tree that lost more than maxShrink, or all')
    .action(async (path, options) => done(await (await import('./commands/push.ts')).runPush(io, path, options)));
  undoable('sync-file', 'deploy only these staged paths, on top of what is live')
    .argument('<paths...>', 'files or directories of the staging tree; a missing one is removed')
    .option('--allow-shrink', 'accept a tree that lost more than maxShrink, or all')
    .action(async (paths, options) => done(await (await import('./commands/push.ts')).runSyncFile(io, paths, options)));
  undoable('rollback', 'make an older revision live; default: what was live before')
    .argument('[revision]', 'a revision (7 digits or more), or -N for N deploys back')
    .allowUnknownOption()
    .action(async (revision, options) =>
      done(await (await import('./commands/rollback.ts')).runRollback(io, revision, options)),
    );
  deploying('seed', 'bring new or broken hosts to what should be live; touch no other')
    .argument('<hosts...>', 'names, globs mw10*, ranges mw[1001:1010], labels site=eqiad; ! leaves out')
    .action(async (hosts, options) => done(await (await import('./commands/seed.ts')).runSeed(io, hosts, options)));

  const plan = program.command('plan').description('make a plan without running it');
  addPlanCommands(plan, io, done);
  command('run', 'run a saved plan exactly, or refuse it when the world has moved')
    .argument('<file>', 'a plan written by scap plan')
    .option('--resume', 'skip what an interrupted run of this plan has done')
    .addOption(eventsOption())
    .option('--adopt', 'move what stands at a live path and is not ours aside, once')
    .option('--force', 'take over from another deploy host')
    .option('--no-rollback', 'when the run fails, leave promoted hosts as they are')
    .addOption(waitOption())
    .action(async (file, options) => done(await (await import('./commands/run.ts')).runSaved(io, file, options)));

  command('status', 'what should be live and what every host serves; exit 1 when some host differs')
    .addOption(limitOption())
    .action(async (options) => done(await (await import('./commands/status.ts')).runStatus(io, options)));
  command('history', 'every run, newest first')
    .option('-n, --number <count>', 'how many', wholeNumber, 20)
    .action(async (options) => done(await (await import('./commands/history.ts')).runHistory(io, options)));
  addDeployLog(program, io, done);
  command('show', 'a revision: who, when, why, from which checkouts, and what it changed')
    .argument('[revision]', 'default: what should be live')
    .argument('[other]', 'compare the first with this one instead of with its parent')
    .action(async (revision, other, options) =>
      done(await (await import('./commands/show.ts')).runShow(io, revision, other, options)),
    );
  command('verify', 'look for files that changed on the targets; exit 1 when there are any')
    .option('--deep', 'hash every byte instead of comparing times and sizes')
    .option('--repair', 'make what was changed whole again, in place')
    .addOption(limitOption())
    .addOption(waitOption())
    .action(async (options) => done(await (await import('./commands/verify.ts')).runVerify(io, options)));
  command('clean', 'prune revisions on every host now')
    .option('--keep <count>', 'how many complete revisions each host keeps, at least 2', keptRevisions)
    .option('--grace <duration>', 'how recently live is too recent', duration)
    .option('--dry-run', 'show what would be pruned; touch nothing')
    .addOption(limitOption())
    .addOption(waitOption())
    .action(async (options) => done(await (await import('./commands/clean.ts')).runClean(io, options)));
  command('pull', 'on a target: catch up with what should be live')
    .requiredOption('--from <url>', 'the deploy repository: a path, host:path, or a URL (file, ssh, git, https)')
    .option('--host <name>', "the host entry to take the paths from; default: this machine's name")
    .option('--cache <directory>', 'the cache, instead of what is configured; with --live')
    .option('--live <path>', 'the live path, instead of what is configured; with --cache')
    .option('--adopt', 'move what stands at the live path and is not ours aside, once')
    .action(async (options) => done(await (await import('./commands/pull.ts')).runPull(io, options)));
  command('lock', 'who holds the run lock or has placed a hold').action(async (options) =>
    done(await (await import('./commands/hold.ts')).runLock(io, options)),
  );
  command('hold', 'forbid deploys until scap unlock')
    .requiredOption('-m, --message <text>', 'why', message)
    .action(async (options) => done(await (await import('./commands/hold.ts')).runHold(io, options)));
  command('unlock', 'lift a hold').action(async (options) =>
    done(await (await import('./commands/hold.ts')).runUnlock(io, options)),
  );
  addHostsCommands(program.command('hosts').description('the inventory, and the host keys of its hosts'), io, done);
  program
    .command('deploy-local', { hidden: true })
    .description('what runs on a target')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[arguments...]')
    .passThroughOptions()
    .action(async (args) =>
      done((await (await import('../target/deploy-local.ts')).runDeployLocal(args)) as ExitStatus),
    );
  program
    .command('maintain', { hidden: true })
    .description('what a run leaves to be done in the background')
    .argument('<state>', 'the state directory')
    .action(async (state) => done(await (await import('./commands/maintain.ts')).runMaintain(state)));
  nameOwnHelp(program, 'scap');
  return program;
}

type Done = (status: ExitStatus) => void;

function addDeployLog(program: Command, io: Io, done: Done): void {
  program
    .command('deploy-log')
    .description('the events of a run, finished or under way')
    .argument('[expression...]', 'only these; in single quotes, since < and > are redirections to a shell')
    .option('--config <file>', 'configuration file')
    .option('--run <n>', 'the run of that number; default: the newest', wholeNumber)
    .option('-f, --follow', 'go on until the run ends; without --run the one under way, or the next to start')
    .option('--json', 'print the lines of the log as they are: one JSON document a line')
    .addOption(new Option('--events', 'the same as --json').conflicts('json'))
    .option('--verbose', 'also events that have no sentence; say how many lines could not be read')
    .addHelpText('after', deployLogHelp)
    .action(async (expression, options) =>
      done(await (await import('./commands/deploy-log.ts')).runDeployLog(io, expression, options)),
    );
}

const deployLogHelp = `
Terms of the expression, all of which must hold:
  host=web* level!=info      a pattern for the whole value: * any text, ? one character
  error.code~denied|full     a regular expression, found anywhere (!~ not found)
  durationMs>2s bytes<=8MiB  numbers, durations, sizes, times (at>=2026-01-31T12:00), levels
  "Permission denied"        this text in the sentence or the type
For example: scap deploy-log 'level>=warn host=mw10*'`;

/** After a usage error: the help of the command that was typed, which has the options it takes. */
function nameOwnHelp(command: CommandUnknownOpts, name: string): void {
  command.showHelpAfterError(`(see: ${name} --help)`);
  for (const sub of command.commands) nameOwnHelp(sub, `${name} ${sub.name()}`);
}

function addPlanCommands(plan: Command, io: Io, done: Done): void {
  const sub = (usage: string, description: string) =>
    plan
      .command(usage)
      .description(description)
      .option('--config <file>', 'configuration file')
      .option('--json', 'print the plan itself on stdout')
      .option('--verbose', 'tell more on stderr')
      .option('-m, --message <text>', 'why', message)
      .option('--save <file>', 'write the plan to a file, for scap run')
      .option('--adopt', 'accept what stands at a live path and is not ours')
      .option('--force', 'take over from another deploy host')
      .addOption(limitOption())
      .addOption(waitOption());
  sub('push', 'a plan that deploys the whole staging tree, or only PATH inside it')
    .argument('[path]')
    .option('--allow-shrink', 'accept a tree that lost more than maxShrink, or all')
    .action(async (path, options) => done(await (await import('./commands/plan.ts')).planPush(io, path, options)));
  sub('sync-file', 'a plan that deploys only these staged paths')
    .argument('<paths...>')
    .option('--allow-shrink', 'accept a tree that lost more than maxShrink, or all')
    .action(async (paths, options) =>
      done(await (await import('./commands/plan.ts')).planSyncFile(io, paths, options)),
    );
  sub('rollback', 'a plan that makes an older revision live')
    .argument('[revision]')
    .allowUnknownOption()
    .action(async (revision, options) =>
      done(await (await import('./commands/plan.ts')).planRollback(io, revision, options)),
    );
  sub('seed', 'a plan that brings hosts to what should be live')
    .argument('<hosts...>')
    .action(async (hosts, options) => done(await (await import('./commands/plan.ts')).planSeed(io, hosts, options)));
}

function addHostsCommands(hosts: Command, io: Io, done: Done): void {
  const sub = (usage: string, description: string) =>
    hosts
      .command(usage)
      .description(description)
      .option('--config <file>', 'configuration file')
      .option('--json', 'print one result document on stdout')
      .option('--verbose', 'tell more on stderr');
  sub('list', 'every host: group, how it is reached, where its revisions lie, labels')
    .option('--limit <selector>', 'only these: names, globs, ranges, label=value, !name')
    .action(async (options) => done(await (await import('./commands/hosts.ts')).runHostsList(io, options)));
  sub('trust', 'show the keys of SSH hosts and record those that are new')
    .argument('<hosts...>', 'names, globs, ranges, label=value')
    .option('--yes', 'record without asking')
    .action(async (names, options) =>
      done(await (await import('./commands/hosts.ts')).runHostsTrust(io, names, options)),
    );
}

function eventsOption() {
  return new Option('--events', 'print event lines on stdout instead of a result').conflicts('json');
}

function limitOption() {
  return new Option(
    '--limit <selector>',
    'only these hosts: mw1, mw10*, mw[1:9], site=eqiad, !mw3; commas join',
  ).argParser((text: string, before: string | undefined) => (before === undefined ? text : `${before},${text}`));
}

function waitOption() {
  return new Option('--wait <duration>', 'wait so long for another run to end; default: fail at once').argParser(
    duration,
  );
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Expected a duration such as 30s, 5m or 2h.');
  return ms;
}

function keptRevisions(text: string): number {
  const count = wholeNumber(text);
  if (count < 2) throw new InvalidArgumentError('At least 2: what is live, and what a rollback leads to.');
  return count;
}

/** The value that was forgotten makes the next option the message, and a dry run a real one. */
function message(text: string): string {
  if (/^--?[a-z][a-z-]*$/.test(text))
    throw new InvalidArgumentError('It looks like an option: was the message forgotten?');
  return text;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}
