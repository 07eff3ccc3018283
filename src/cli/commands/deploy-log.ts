import { loadConfig } from '../../config/load-config.ts';
import { type ExitStatus, exitStatus, toErrorReport, toExitStatus } from '../../core/errors.ts';
import { findRun, findRunToFollow, isAlive, type LoggedRun, readRunLog } from '../../deploy/run-log-reader.ts';
import { createStateLayout, type StateLayout } from '../../deploy/state-layout.ts';
import type { LoggedEvent } from '../../events/event-line.ts';
import type { Line } from '../../report/describe-event.ts';
import { formatLine } from '../../report/format-line.ts';
import { type LogFilter, parseLogFilter } from '../../report/log-filter.ts';
import { refuseUnknownFields } from '../../report/log-filter-fields.ts';
import { describeLoggedEvent } from '../../report/log-line.ts';
import { withConfig } from '../../report/own-commands.ts';
import { toOneLine } from '../../report/plain-text.ts';
import { createStyle, type Style, wantsColour } from '../../report/style.ts';
import { countOf } from '../../report/wording.ts';
import { watchInterrupt } from '../../system/interrupt.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, reportError } from '../session.ts';
import { formatTime } from '../time.ts';

export interface DeployLogOptions extends CommonOptions {
  readonly run?: number | undefined;
  readonly follow?: boolean | undefined;
}

/**
 * `scap deploy-log`: prints what a run has said, and with `--follow` goes on until it has ended. It only reads, so it tells nothing to a run and
 * has no session: an interrupt is the usual way to end it, not an event.
 */
export async function runDeployLog(
  io: Io,
  expression: readonly string[],
  options: DeployLogOptions,
): Promise<ExitStatus> {
  using interrupt = watchInterrupt(() => {});
  const gone = new AbortController();
  io.stdout.on?.('error', () => gone.abort());
  const signal = AbortSignal.any([interrupt.signal, gone.signal]);
  try {
    const filter = parseLogFilter(expression.join(' '));
    refuseUnknownFields(expression.join(' '));
    const config = loadConfig({ explicitPath: options.config, env: io.env, cwd: io.cwd });
    for (const warning of config.warnings) io.stderr.write(`warning: ${warning}\n`);
    const layout = createStateLayout(config.state);
    const run = await chooseRun(io, layout, options, signal);
    if (run !== undefined) await printRun({ io, layout, run, filter, options, signal });
    return interrupt.signal.aborted ? exitStatus.interrupted : exitStatus.ok;
  } catch (error) {
    // stdout is for the lines of the log alone.
    return reportError(
      io,
      { verbose: options.verbose, config: options.config },
      toErrorReport(error),
      toExitStatus(error),
    );
  }
}

async function chooseRun(
  io: Io,
  layout: StateLayout,
  { run, follow }: DeployLogOptions,
  signal: AbortSignal,
): Promise<LoggedRun | undefined> {
  if (!follow || run !== undefined) return findRun(layout, run);
  return findRunToFollow(layout, {
    signal,
    onWait: () => io.stderr.write('No run is under way: waiting for the next one to start\n'),
  });
}

interface Printing {
  readonly io: Io;
  readonly layout: StateLayout;
  readonly run: LoggedRun;
  readonly filter: LogFilter;
  readonly options: DeployLogOptions;
  readonly signal: AbortSignal;
}

async function printRun({ io, layout, run, filter, options, signal }: Printing): Promise<void> {
  const isRaw = options.json === true || options.events === true;
  const style = createStyle(wantsColour(io.env, io.stdout.isTTY === true));
  let [unreadable, shown, hasEnded] = [0, 0, false];
  for await (const { text, event } of readRunLog(layout, run, { follow: options.follow === true, signal })) {
    if (event === undefined) {
      if (text !== '') unreadable++;
      continue;
    }
    hasEnded ||= event.type === 'run.finished';
    const line = describeLoggedEvent(event);
    if (!filter(event, line?.text ?? '')) continue;
    const printed = isRaw ? text : formatEntry(event, line, { style, verbose: options.verbose === true });
    if (printed === undefined) continue;
    io.stdout.write(`${printed}\n`);
    shown++;
  }
  if (signal.aborted) return;
  if (options.verbose && unreadable > 0)
    io.stderr.write(`${countOf(unreadable, 'line')} of the log could not be read and left out\n`);
  if (shown === 0) io.stderr.write(`No event of run ${run.n} matches\n`);
  if (!hasEnded) io.stderr.write(`${withConfig(describeOpenEnd(layout, run), options.config)}\n`);
}

interface EntryFormat {
  readonly style: Style;
  readonly verbose: boolean;
}

/** An event without a sentence changed nothing; who wants to see it is told its type. */
function formatEntry(event: LoggedEvent, line: Line | undefined, { style, verbose }: EntryFormat): string | undefined {
  if (line === undefined && !verbose) return undefined;
  const text = line === undefined ? style('dim', toOneLine(event.type)) : formatLine(line, style);
  return `${style('dim', formatTime(event.at))}  ${text}`;
}

function describeOpenEnd(layout: StateLayout, run: LoggedRun): string {
  return isAlive(layout, run)
    ? `Run ${run.n} is still under way; go on reading with: scap deploy-log --follow`
    : `Run ${run.n} was killed: its log has no end, and its process is gone`;
}
