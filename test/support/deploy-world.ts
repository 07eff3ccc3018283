// A whole deploy in this process: the deploy host's half under test, with real agents of three local targets.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { Sha } from '../../src/core/sha.ts';
import type { Command } from '../../src/deploy/commands/command.ts';
import { stockCommands } from '../../src/deploy/commands/registry.ts';
import { type DeployReport, type PushRequest, push, type RollbackRequest, rollback } from '../../src/deploy/deploy.ts';
import type { DeployHost } from '../../src/deploy/deploy-host.ts';
import type { RunResult } from '../../src/deploy/run-plan.ts';
import { createStateLayout } from '../../src/deploy/state-layout.ts';
import { createEventBus, type ScapEvent } from '../../src/events/event.ts';
import { createInventory } from '../../src/inventory/inventory.ts';
import { createLocalTransport } from '../../src/transport/local.ts';
import { createOperator, type Operator } from './operator.ts';

export interface DeployWorld {
  readonly me: Operator;
  readonly host: DeployHost;
  /** Everything that was said so far. */
  readonly events: readonly ScapEvent[];
  /** Pushes staging; returns what the run came to. */
  push(request?: Partial<PushRequest>): Promise<RunResult>;
  /** Stages this content of `index.php` and pushes; returns the revision. */
  pushText(text: string): Promise<Sha>;
  rollback(to?: RollbackRequest['to']): Promise<RunResult>;
}

/** Commands replace the stock ones of their name. */
export function createDeployWorld(
  options: { readonly commands?: readonly Command[]; readonly config?: Partial<Config> } = {},
): DeployWorld {
  const me = createOperator();
  const config = { ...loadConfig({ explicitPath: undefined, env: {}, cwd: me.cwd }), ...options.config };
  mkdirSync(join(me.cwd, '.scap'), { recursive: true });
  const bus = createEventBus();
  const events: ScapEvent[] = [];
  bus.listen((event) => events.push(event));
  const agentPath = fileURLToPath(new URL('../../dist/agent.mjs', import.meta.url));
  const host: DeployHost = {
    config,
    inventory: createInventory(config),
    layout: createStateLayout(config.state),
    transports: new Map([['local', createLocalTransport({ agentPath })]]),
    commands: new Map([...stockCommands(), ...(options.commands ?? []).map((each) => [each.name, each] as const)]),
    bus,
    signal: new AbortController().signal,
    operator: { user: 'tester', host: 'deploy1' },
  };
  const asked = {
    message: 'A test',
    adopt: false,
    force: false,
    rollback: true,
    dryRun: false,
    planOnly: false,
    waitMs: 0,
  };
  const resultOf = ({ result }: DeployReport): RunResult => {
    if (result === undefined) throw new Error('there was nothing to do');
    return result;
  };
  const pushStaging = async (request: Partial<PushRequest> = {}) =>
    resultOf(await push(host, { ...asked, staging: me.staging, allowShrink: false, ...request }));
  return {
    me,
    host,
    events,
    push: pushStaging,
    pushText: async (text) => {
      me.stage({ 'index.php': text });
      return (await pushStaging()).plan.revision;
    },
    rollback: async (to = { steps: 1 }) => resultOf(await rollback(host, { ...asked, to })),
  };
}
