import type { Command, CommandRegistry } from './command.ts';
import { ConfigCommand } from './config.ts';
import { ConfirmCommand } from './confirm.ts';
import { FetchCommand } from './fetch.ts';
import { FinalizeCommand } from './finalize.ts';
import { PromoteCommand } from './promote.ts';
import { RecordCommand } from './record.ts';

/** The stock commands by the verb that tasks name. */
export function stockCommands(): CommandRegistry {
  const commands = [
    new FetchCommand(),
    new ConfigCommand(),
    new PromoteCommand(),
    new ConfirmCommand(),
    new RecordCommand(),
    new FinalizeCommand(),
  ];
  return new Map(commands.map((command) => [command.name, command as unknown as Command]));
}
