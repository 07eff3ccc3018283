import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLiveScreen } from '../../../src/report/live-screen.ts';
import { createReporter, type Reporter } from '../../../src/report/reporter.ts';
import { event, hosts, runStarted, task } from './sample-events.ts';
import { createSampleStream } from './sample-stream.ts';

const hide = '\u001b[?25l';
const show = '\u001b[?25h';
const up = (rows: number) => `\r\u001b[${rows}A`;
/** Clears rows without going anywhere. */
const clear = (rows: number) => '\u001b[2K\n'.repeat(rows) + up(rows);
const block = (...lines: readonly string[]) =>
  `\u001b[?7l${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[?7h\u001b[J`;

describe('createLiveScreen()', () => {
  function screen() {
    const stream = createSampleStream();
    const { draw, release } = createLiveScreen((text) => stream.write(text));
    const written = () => {
      const text = stream.text();
      stream.clear();
      return text;
    };
    return { draw, release, written };
  }

  it('draws over the block before, and gives the cursor back with an empty one', () => {
    const { draw, written } = screen();
    draw([], ['a', 'b']);
    expect(written()).toBe(hide + block('a', 'b'));
    draw([], ['c']);
    expect(written()).toBe(up(2) + block('c'));
    draw(['done'], []);
    expect(written()).toBe(`${up(1)}${clear(1)}done\n\u001b[J${show}`);
  });

  it('writes nothing when nothing changed', () => {
    const { draw, written } = screen();
    draw([], ['a']);
    written();
    draw([], ['a']);
    expect(written()).toBe('');
  });

  it('never goes above its own lines, however wide they were: what is there is permanent', () => {
    const { draw, written } = screen();
    draw(['permanent'], ['a'.repeat(70), '宽'.repeat(20), '']);
    written();
    draw([], ['b']);
    expect(written()).toBe(up(3) + block('b'));
  });

  it('leaves the block standing when it is released', () => {
    const { draw, release, written } = screen();
    draw([], ['a']);
    written();
    release();
    expect(written()).toBe(`\u001b[?7h${show}`);
    release();
    expect(written()).toBe('');
    draw([], ['a']);
    expect(written()).toBe(hide + block('a'));
  });
});

describe('createReporter() on a terminal', () => {
  const names = hosts(200);
  const started = [runStarted(names), event('stage.started', { stage: 'fetch', tasks: 200 })];
  const finished = event('stage.finished', { stage: 'fetch', ok: 200, failed: 0, durationMs: 9000 });
  let reporter: Reporter | undefined;
  const create = (stream = createSampleStream(80, 24)) => {
    reporter = createReporter({ stream, isTerminal: true, verbose: false, colour: false });
    return { stream, listener: reporter.listener };
  };

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    reporter?.[Symbol.dispose]();
    vi.useRealTimers();
  });

  it('draws at most ten times a second, and only when something changed', () => {
    const { stream, listener } = create();
    const write = vi.spyOn(stream, 'write');
    for (const given of started) listener(given);
    expect(write).not.toHaveBeenCalled();
    for (let i = 0; i < 1000; i++) {
      listener(task('task.progressed', 'fetch', names[i % 200] ?? null, { done: i, total: 1000, at: i }));
      vi.advanceTimersByTime(1);
    }
    expect(write.mock.calls.length).toBeLessThanOrEqual(10);
    expect(write.mock.calls.length).toBeGreaterThan(5);
  });

  it('lets finished stages scroll up, and leaves a clean terminal', () => {
    const { stream, listener } = create();
    for (const given of started) listener(given);
    vi.advanceTimersByTime(100);
    expect(stream.text()).toContain('fetch: 0 of 200 ok, 200 left');
    stream.clear();
    for (const name of names) listener(task('task.finished', 'fetch', name));
    listener(finished);
    reporter?.[Symbol.dispose]();
    expect(stream.text()).toBe(`${up(3)}${clear(3)}fetch: 200 of 200 ok in 9.0 s\n\u001b[J${show}`);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('shows the cursor again when the process exits in the middle', () => {
    const { stream, listener } = create();
    const [onExit] = process.listeners('exit').slice(-1);
    for (const given of started) listener(given);
    vi.advanceTimersByTime(100);
    onExit?.call(process, 130);
    expect(stream.text().endsWith(show)).toBe(true);
  });

  it('takes its listeners off the process', () => {
    const count = () => ['exit', 'SIGTSTP', 'SIGCONT'].map((name) => process.listenerCount(name));
    const before = count();
    create();
    expect(count()).not.toEqual(before);
    reporter?.[Symbol.dispose]();
    expect(count()).toEqual(before);
  });

  it('follows the size of the terminal', () => {
    const { stream, listener } = create(createSampleStream(0, 0));
    for (const given of started) listener(given);
    vi.advanceTimersByTime(100);
    expect(stream.text()).toContain('fetch: 0 of 200 ok, 200 left');
    stream.clear();
    stream.columns = 20;
    vi.advanceTimersByTime(100);
    expect(stream.text()).toContain('fetch: 0 of 200 ok…');
  });
});
