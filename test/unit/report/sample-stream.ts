import type { NarrationStream } from '../../../src/report/narration-stream.ts';

export interface SampleStream extends NarrationStream {
  columns: number | undefined;
  rows: number | undefined;
  text(): string;
  /** Forgets what was written so far. */
  clear(): void;
  /** As a pipe does whose reader went away. */
  fail(): void;
}

export function createSampleStream(columns?: number, rows?: number): SampleStream {
  let written = '';
  const listeners: (() => void)[] = [];
  return {
    columns,
    rows,
    write: (text) => {
      written += text;
    },
    on: (_event, listener) => listeners.push(listener),
    text: () => written,
    clear: () => {
      written = '';
    },
    fail: () => {
      for (const listener of listeners) listener();
    },
  };
}
