/** Commands of scap in what people are told to paste. */
import { quoteForShell } from '../core/shell-quote.ts';

const verbs = [
  '(?:plan (?:push|sync-file|rollback|seed)|hosts (?:list|trust)|push|sync-file|rollback|seed|prepare|pull|run|status)',
  '(?:history|deploy-log|show|verify|clean|lock|unlock|hold)',
].join('|');
const ownCommand = new RegExp(`\\bscap (?:${verbs})(?![\\w-])`, 'g');

/**
 * Gives every command of scap in a text the `--config` that the operator gave: without it, what is pasted reaches another fleet, or none. Where a
 * command ends in a sentence cannot be told, so the option stands right behind the verb.
 */
export function withConfig(text: string, config: string | undefined): string {
  if (config === undefined) return text;
  const option = `--config ${quoteForShell([config])}`;
  return text.replace(ownCommand, (command) => `${command} ${option}`);
}
