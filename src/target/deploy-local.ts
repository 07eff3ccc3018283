/**
 * `scap deploy-local`: what runs on a target. `serve` speaks the agent's protocol; `pull` catches up with the deploy repository; `--stage NAME`
 * runs one stage by hand with the same code.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { exitStatus, ScapError, toErrorReport, toExitStatus } from '../core/errors.ts';
import { gitEnvironment } from '../git/git-command.ts';
import { parseRepositoryUrl } from '../git/remote.ts';
import { run } from '../system/process.ts';
import { serveAgent } from './agent.ts';
import { createTargetLayout } from './layout.ts';
import { type PullOptions, pullTarget } from './pull.ts';
import { defaultRetention } from './retention.ts';
import { createTargetSession, type TargetSession } from './session.ts';
import { keepShippedAgent, sweepShippedAgents } from './shipped-agents.ts';
import { retentionRule } from './stages/finalize.ts';
import { stockStages } from './stages/registry.ts';
import { readState } from './state.ts';

const usage =
  'deploy-local serve|probe|verify --cache DIR --live PATH, or deploy-local pull --from URL --cache DIR --live PATH, or deploy-local --stage NAME --cache DIR --live PATH [--param KEY=JSON]…';

/** A large revision over a slow line takes long; a transfer that hangs must not hold the target for ever. */
const pullTimeoutMs = 60 * 60_000;

/** Runs with the given arguments on this process's standard streams; returns the exit status. One JSON document per line is the result. */
export async function runDeployLocal(argv: readonly string[]): Promise<number> {
  // Our modes are exact whatever the operator's umask; this only keeps git's own files from following it.
  process.umask(0o022);
  try {
    const { verb, stage, cache, live, from, params } = parseCommandLine(argv);
    const layout = createTargetLayout(cache, live);
    const session = createTargetSession(layout, stockStages());
    if (verb === 'serve') {
      // Programs the agent has started lead process groups of their own; `system/process` ends them on exit.
      process.once('SIGTERM', () => process.exit(143));
      keepShippedAgent(process.argv[1]);
      const io = { stdin: process.stdin, stdout: process.stdout, versions: await findVersions() };
      // Ending the process is what frees the lock and ends the programs that hang.
      if ((await serveAgent(session, io)) === 'stuck') process.exit(exitStatus.bug);
      sweepShippedAgents(process.argv[1]);
      return exitStatus.ok;
    }
    if (stage !== undefined) print(await runStageOnce(session, stage, { fence: readState(layout).fence, ...params }));
    else if (verb === 'pull') print(await pullTarget(session, layout, pullOptions(from, params)));
    else print(await callOnce(session, verb, params));
    return exitStatus.ok;
  } catch (error) {
    print({ error: toErrorReport(error) });
    return toExitStatus(error);
  }
}

function pullOptions(from: string, params: Readonly<Record<string, unknown>>): PullOptions {
  return {
    ...retentionRule({ ...defaultRetention, ...params }),
    from: parseRepositoryUrl(from, process.cwd()),
    adopt: params.adopt === true,
    signal: new AbortController().signal,
    fetchTimeoutMs: pullTimeoutMs,
    notify: (notice) => print({ notice }),
  };
}

async function runStageOnce(session: TargetSession, stage: string, params: Record<string, unknown>): Promise<unknown> {
  try {
    await callOnce(session, 'begin', { ...params, reason: `deploy-local --stage ${stage}` });
    return await callOnce(session, 'stage', { ...params, stage });
  } finally {
    await session.end();
  }
}

function callOnce(session: TargetSession, verb: string, params: Record<string, unknown>): Promise<unknown> {
  return session.call(verb, { params, signal: new AbortController().signal, notify: (notice) => print({ notice }) });
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function parseCommandLine(argv: readonly string[]) {
  const options = {
    cache: { type: 'string' },
    live: { type: 'string' },
    stage: { type: 'string' },
    from: { type: 'string' },
    param: { type: 'string', multiple: true },
  } as const;
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    const [verb = ''] = positionals;
    const { cache, live, stage, from = '' } = values;
    if (!cache || !live || positionals.length > 1) throw new TypeError('--cache and --live are needed');
    if (stage === undefined && !['serve', 'probe', 'verify', 'pull'].includes(verb))
      throw new TypeError(`there is no "${verb}"`);
    if ((verb === 'pull') !== (from !== '')) throw new TypeError('--from belongs to pull');
    // The live link is written with the path of the cache: relative to the working directory it would lead nowhere.
    return { verb, stage, from, cache: resolve(cache), live: resolve(live), params: parseParams(values.param ?? []) };
  } catch (cause) {
    throw new ScapError('usage', `Cannot run deploy-local: ${(cause as Error).message}`, {
      hint: `Usage: ${usage}`,
      cause,
    });
  }
}

function parseParams(pairs: readonly string[]): Record<string, unknown> {
  const entries = pairs.map((pair) => {
    const [key, ...rest] = pair.split('=');
    const text = rest.join('=');
    if (!key || rest.length === 0) throw new TypeError(`"${pair}" is not KEY=VALUE`);
    try {
      return [key, JSON.parse(text) as unknown];
    } catch {
      return [key, text];
    }
  });
  return Object.fromEntries(entries);
}

/** Versions of what the agent needs; what is missing is missing in the result. */
async function findVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = { node: process.version };
  try {
    const { stdout } = await run(['git', '--version'], { env: gitEnvironment() });
    versions.git = stdout.toString('utf8').trim().replace('git version ', '');
  } catch (error) {
    if (!(error instanceof ScapError)) throw error;
  }
  return versions;
}
