import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { confirm } from '../../../src/cli/confirm.ts';
import type { Io } from '../../../src/cli/io.ts';

function ask(answer: string | undefined, { isTTY = true, signal = new AbortController().signal } = {}) {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const written: string[] = [];
  const stderr = Object.assign(new PassThrough(), { isTTY, write: (text: string) => written.push(text) > 0 });
  if (answer === undefined) stdin.end();
  else stdin.write(answer);
  return { answered: confirm({ stdin, stderr } as unknown as Io, 'Go on?', signal), written };
}

describe('confirm()', () => {
  it.each([
    ['y\n', true],
    ['Yes \n', true],
    ['\n', false],
    ['yep\n', false],
    [undefined, false],
  ])('takes %j for %j', async (answer, expected) => {
    const { answered, written } = ask(answer);
    expect(await answered).toBe(expected);
    expect(written).toEqual(['Go on? [y/N] ']);
  });

  it('asks nothing without a terminal', async () => {
    const { answered, written } = ask('y\n', { isTTY: false });
    expect(await answered).toBeUndefined();
    expect(written).toEqual([]);
  });

  it('ends when it is interrupted, before or while it waits', async () => {
    await expect(ask('y\n', { signal: AbortSignal.abort() }).answered).rejects.toMatchObject({ code: 'interrupted' });
    const controller = new AbortController();
    const { answered } = ask('', { signal: controller.signal });
    controller.abort();
    await expect(answered).rejects.toMatchObject({ code: 'interrupted' });
  });
});
