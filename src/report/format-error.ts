import type { ErrorReport } from '../core/errors.ts';
import { withConfig } from './own-commands.ts';
import { redactSecrets, stripEscapes, toOneLine } from './plain-text.ts';
import { createStyle } from './style.ts';

export interface ErrorFormat {
  /** Adds the code and the facts for machines. */
  readonly verbose: boolean;
  readonly colour: boolean;
  /** The value of `--config`: commands in the hint get it, too. */
  readonly config?: string | undefined;
}

const secretName = /pass(word|phrase)?$|secret|token|credential|authorization|api_?key|private_?key/i;
const bugHint = 'This is a bug in scap: please report it with the lines above';

/**
 * Formats an error for people: `error: Cannot …`, below it `  hint: …`. A bug shows its stack and asks for a report. Secrets in URLs and
 * in facts that are named like one are never shown. No newline at the end.
 */
export function formatError(report: ErrorReport, { verbose, colour, config }: ErrorFormat): string {
  const style = createStyle(colour);
  const [first = '', ...more] = toLines(report.message);
  const isBug = report.code === 'bug';
  const hint = isBug ? bugHint : report.hint;
  return [
    `${style('error', 'error:')} ${isBug ? 'Internal error: ' : ''}${first}`,
    ...more.map((line) => `  ${line}`),
    ...(isBug ? stackLines(report).map((line) => style('dim', `    ${line}`)) : []),
    ...(hint === undefined ? [] : [`  ${style('strong', 'hint:')} ${withConfig(toOneLine(hint), config)}`]),
    ...(verbose ? factLines(report).map((line) => style('dim', `  ${line}`)) : []),
  ].join('\n');
}

/** Several problems come as several lines, of which indentation is kept. */
function toLines(text: string): string[] {
  const lines = stripEscapes(text).split(/\r?\n/);
  return lines.filter((line) => line.trim() !== '').map((line) => (/^ */.exec(line)?.[0] ?? '') + toOneLine(line));
}

function stackLines({ stack }: ErrorReport): string[] {
  return stack === undefined ? [] : toLines(stack).flatMap((line) => (/^\s*at /.test(line) ? [line.trim()] : []));
}

function factLines({ code, data }: ErrorReport): string[] {
  const hideSecrets = (name: string, value: unknown) => {
    if (secretName.test(name)) return '***';
    return typeof value === 'string' ? redactSecrets(value) : value;
  };
  const facts = Object.entries(data ?? {}).map(([name, value]) => {
    const text = JSON.stringify(hideSecrets(name, value), hideSecrets);
    return `${toOneLine(name)}: ${text === undefined ? 'undefined' : toOneLine(text)}`;
  });
  return [`code: ${code}`, ...facts];
}
