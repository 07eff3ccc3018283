import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UsageError } from '../usage-error.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
type ParsedOptions<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: O }>>['values'];

/** Parses options without positional arguments. @throws UsageError, with `hint`, for what there is none of */
export function parseOptions<const O extends Options>(
  args: readonly string[],
  options: O,
  hint = 'See --help',
): ParsedOptions<O> {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw toUsageError(error, hint);
  }
}

/** The first sentence of what `parseArgs` has to say. */
export function toUsageError(error: unknown, hint = 'See --help'): UsageError {
  const message = error instanceof Error ? error.message : String(error);
  return new UsageError(message.split(/\. |\n/)[0] ?? message, hint);
}
