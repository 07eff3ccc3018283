import { createInterface } from 'node:readline';
import { ScapError } from '../core/errors.ts';
import type { Io } from './io.ts';

/**
 * Asks a question that can be answered with yes; the end of the input is a no. Without a terminal at both ends nothing is
 * asked: `undefined`. Throws `interrupted` when `signal` aborts first.
 */
export async function confirm(
  { stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>,
  question: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (stdin?.isTTY !== true || stderr.isTTY !== true) return undefined;
  const stopped = () => new ScapError('interrupted', 'Stopped before an answer was given; nothing was changed');
  if (signal.aborted) throw stopped();
  const reader = createInterface({ input: stdin });
  stderr.write(`${question} [y/N] `);
  return new Promise<boolean>((resolve, reject) => {
    const abort = () => {
      reject(stopped());
      reader.close();
    };
    signal.addEventListener('abort', abort, { once: true });
    reader.once('close', () => {
      signal.removeEventListener('abort', abort);
      resolve(false);
    });
    reader.once('line', (answer) => {
      resolve(/^y(es)?$/i.test(answer.trim()));
      reader.close();
    });
  });
}
