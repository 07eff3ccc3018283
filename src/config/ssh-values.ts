/**
 * The schemas of what ends up in the hands of ssh, or of a shell on the target. None may look like an option or hold white space:
 * whatever reads them later must find one word.
 */
import type * as z from 'zod';
import { isText, type PathBase, parsePath, refuse, value } from './config-values.ts';

/** A user's name on a target. */
export const userName: z.ZodType<string> = sshWord('a user name');

/** Where connections go through. */
export const proxyJump: z.ZodType<string> = sshWord('a host to jump through ("ann@bastion:22")');

/** A name or an IP address, possibly with `{name}` and `{n}`; whether it is a whole address shows once these are filled in. */
export const address: z.ZodType<string> = value((input) => {
  if (!isSshWord(input)) return refuse('expected a host name or an IP address', input, true);
  return /^[A-Za-z0-9._:%{}-]+$/.test(input)
    ? { value: input }
    : refuse('expected a host name or an IP address; "user" and "port" are keys of their own', input);
});

/** The program on a target: a name that is looked up there, or an absolute path. */
export const nodeProgram: z.ZodType<string> = value((input) => {
  const isName = isSshWord(input) && !/[/~]/.test(input);
  const isAbsolute = isText(input) && input.startsWith('/');
  return isName || isAbsolute
    ? { value: input }
    : refuse('expected a name such as "node" or an absolute path on the targets', input);
});

/** A file in the syntax of `~/.ssh/config`, or `none`. The result is absolute, or `none`. */
export function sshConfigFile(base: PathBase): z.ZodType<string> {
  return value((input) => {
    if (input === 'none') return { value: input };
    return typeof input === 'string' ? parsePath(input, base) : refuse('expected a path or "none"', input);
  });
}

function sshWord(what: string): z.ZodType<string> {
  return value((input) =>
    isSshWord(input)
      ? { value: input }
      : refuse(`expected ${what} without white space that does not begin with "-"`, input, true),
  );
}

function isSshWord(input: unknown): input is string {
  return isText(input) && !/^-|\s/u.test(input);
}
