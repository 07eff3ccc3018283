/**
 * The composition root: puts configuration, fleet, events and readers together for one command, and turns what it returns or throws into output
 * and an exit status. Nothing else does.
 */
import { hostname } from 'node:os';
import { loadConfig } from '../config/load-config.ts';
import { type ErrorReport, type ExitStatus, toErrorReport, toExitStatus } from '../core/errors.ts';
import { stockCommands } from '../deploy/commands/registry.ts';
import type { DeployHost } from '../deploy/deploy-host.ts';
import { createStateLayout } from '../deploy/state-layout.ts';
import { createEventBus } from '../events/event.ts';
import { createInventory } from '../inventory/inventory.ts';
import { formatError } from '../report/format-error.ts';
import { createReporter } from '../report/reporter.ts';
import { createRunState, type RunState, reduce } from '../report/run-view.ts';
import { wantsColour } from '../report/style.ts';
import { watchInterrupt } from '../system/interrupt.ts';
import { operatorName } from '../system/operator-name.ts';
import { startDetached } from '../system/process.ts';
import { createLocalTransport } from '../transport/local.ts';
import { createSshTransport } from '../transport/ssh/ssh.ts';
import type { Transport } from '../transport/transport.ts';
import type { Io } from './io.ts';

/** Options every command has. */
export interface CommonOptions {
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
  readonly events?: boolean | undefined;
  readonly verbose?: boolean | undefined;
}

/** What a command asks of its session beside the options it was given. */
export interface SessionOptions extends CommonOptions {
  /** The text of the result says which hosts were not reached, so the narration need not. */
  readonly textNamesUnreached?: boolean;
}

/** What a command came to: the same thing for machines and for people. */
export interface CommandResult {
  readonly status: ExitStatus;
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The text is how a run ended, to be told to people also when stdout is for machines. */
  readonly narrate?: boolean;
}

/** What a command works with. */
export interface Session {
  readonly host: DeployHost;
  readonly colour: boolean;
  readonly cwd: string;
  /** The value of `--config`. */
  readonly configOption: string | undefined;
  /** The events so far, folded. */
  runState(): RunState;
}

/** Runs a command and returns the exit status. Never throws. */
export async function runSession(
  io: Io,
  options: SessionOptions,
  work: (session: Session) => Promise<CommandResult>,
): Promise<ExitStatus> {
  const colour = wantsColour(io.env, io.stderr.isTTY === true);
  try {
    const result = await inSession(io, options, colour, work);
    print(io, options, result);
    return result.status;
  } catch (error) {
    return reportError(io, options, toErrorReport(error), toExitStatus(error));
  }
}

/** Says what went wrong, to people on stderr and with `--json` to machines on stdout. */
export function reportError(io: Io, options: CommonOptions, error: ErrorReport, status: ExitStatus): ExitStatus {
  const colour = wantsColour(io.env, io.stderr.isTTY === true);
  io.stderr.write(`${formatError(error, { verbose: options.verbose === true, colour, config: options.config })}\n`);
  if (options.json) io.stdout.write(`${JSON.stringify({ ok: false, status, error }, null, 2)}\n`);
  return status;
}

async function inSession(
  io: Io,
  options: SessionOptions,
  colour: boolean,
  work: (session: Session) => Promise<CommandResult>,
): Promise<CommandResult> {
  const config = loadConfig({ explicitPath: options.config, env: io.env, cwd: io.cwd });
  for (const warning of config.warnings) io.stderr.write(`warning: ${warning}\n`);
  const inventory = createInventory(config);
  const bus = createEventBus({
    onListenerError: (error) => io.stderr.write(`${formatError(toErrorReport(error), { verbose: true, colour })}\n`),
  });
  using reporter = createReporter({
    stream: io.stderr,
    isTerminal: io.stderr.isTTY === true && options.verbose !== true,
    verbose: options.verbose === true,
    colour,
    hostCount: inventory.hosts.length,
  });
  let state = createRunState();
  bus.listen((event) => {
    state = reduce(state, event);
  });
  const leavesToText = options.textNamesUnreached && !options.json && !options.events;
  bus.listen((event) => {
    if (!(leavesToText && event.type === 'host.unreachable')) reporter.listener(event);
  });
  if (options.events) bus.listen((event) => io.stdout.write(`${JSON.stringify(event)}\n`));
  using interrupt = watchInterrupt((signal) => bus.emit('interrupt.received', { signal }));
  const host: DeployHost = {
    config,
    inventory,
    layout: createStateLayout(config.state),
    transports: new Map<string, Transport>([
      ['local', createLocalTransport({ agentPath: io.agentPath })],
      [
        'ssh',
        createSshTransport({
          agentPath: io.agentPath,
          settings: config.ssh,
          passphrase: io.env.SCAP_SSH_PASSPHRASE,
        }),
      ],
      ...(io.transports ?? []),
    ]),
    commands: stockCommands(),
    bus,
    signal: interrupt.signal,
    maintainLater: later(io, config.state),
    operator: { user: operatorName(io.env), host: hostname() },
  };
  // Awaited here: returning the promise itself would dispose of the reporter and the interrupt at once.
  return await work({
    host,
    colour: wantsColour(io.env, io.stdout.isTTY === true),
    cwd: io.cwd,
    configOption: options.config,
    runState: () => state,
  });
}

/** `undefined` when this program does not know how to start itself. */
function later({ programPath, env }: Io, state: string): (() => void) | undefined {
  if (programPath === undefined) return undefined;
  return () =>
    startDetached([process.execPath, programPath, 'maintain', state], { env: { PATH: env.PATH ?? '/usr/bin:/bin' } });
}

/** The result goes to stdout in the form that was asked for; people are told on stderr when stdout is for machines. */
function print(io: Io, { json, events }: CommonOptions, { json: document, text, narrate }: CommandResult): void {
  if (json) io.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  if (text === '') return;
  if (!json && !events) io.stdout.write(`${text}\n`);
  else if (narrate) io.stderr.write(`${text}\n`);
}
