/** Narration for a terminal: a few lines redrawn in place, at most ten times a second; what ended scrolls away above them. */
import { formatLine } from './format-line.ts';
import { renderBlock } from './live-block.ts';
import { createLiveScreen } from './live-screen.ts';
import { createQuietWriter } from './narration-stream.ts';
import { createNarrator } from './narrator.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { createStyle } from './style.ts';

const frameMs = 100;
const fallbackColumns = 80;
const fallbackRows = 24;

export type LiveReporterOptions = Omit<ReporterOptions, 'isTerminal'>;

export function createLiveReporter({ stream, columns, verbose, colour, hostCount }: LiveReporterOptions): Reporter {
  const style = createStyle(colour);
  const narrator = createNarrator({ verbose, hostCount, eager: false });
  const screen = createLiveScreen(createQuietWriter(stream));
  let pending: string[] = [];
  // `||`: a terminal that does not know its size says 0.
  const terminalSize = () => ({
    columns: stream.columns || columns || fallbackColumns,
    rows: stream.rows || fallbackRows,
  });
  const drawWith = (block: readonly string[]) => {
    screen.draw(pending, block);
    pending = [];
  };
  const draw = () => drawWith(renderBlock(narrator.state, { ...terminalSize(), now: Date.now(), style }));
  const leave = () => {
    draw();
    screen.release();
  };

  const timer = setInterval(draw, frameMs).unref();
  const letGo = guardTerminal({ leave, goOn: draw });
  return {
    listener: (event) => {
      pending.push(...narrator.tell(event).map((line) => formatLine(line, style)));
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      letGo();
      pending.push(...narrator.end().map((line) => formatLine(line, style)));
      drawWith([]);
    },
  };
}

/** Calls `leave` before the process exits or is stopped (Ctrl-Z), `goOn` when it goes on. Returns how to end that. */
function guardTerminal({ leave, goOn }: { leave: () => void; goOn: () => void }): () => void {
  const onExit = () => leave();
  const onContinue = () => goOn();
  const onStop = () => {
    leave();
    // SIGTSTP does not stop a process that listens to it.
    process.kill(process.pid, 'SIGSTOP');
  };
  process.on('exit', onExit).on('SIGTSTP', onStop).on('SIGCONT', onContinue);
  return () => {
    process.off('exit', onExit).off('SIGTSTP', onStop).off('SIGCONT', onContinue);
  };
}
