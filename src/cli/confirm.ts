import { createInterface } from 'node:readline/promises';
import type { Io } from './io.ts';

/** Asks a question that can be answered with yes. Without a terminal at both ends nothing is asked: `undefined`. */
export async function confirm({ stdin, stderr }: Io, question: string): Promise<boolean | undefined> {
  if (stdin?.isTTY !== true || stderr.isTTY !== true) return undefined;
  const reader = createInterface({ input: stdin });
  try {
    stderr.write(`${question} [y/N] `);
    return /^y(es)?$/i.test((await reader.question('')).trim());
  } finally {
    reader.close();
  }
}
