import { homedir } from 'node:os';
import { dirname } from 'node:path';
import type { Config, GroupSettings, HostSettings, SshSettings } from './config.ts';
import { formatProblem, invalidConfig, type Position, type Problem } from './config-problem.ts';
import { findRuleBreaches } from './config-rules.ts';
import { type ConfigInput, createConfigSchema } from './config-schema.ts';
import type { PathBase } from './config-values.ts';
import { embeddedConfig } from './embedded-config.ts';
import { type ConfigFile, type ConfigSearch, readConfigFile } from './find-config-file.ts';
import { parseYamlText, type YamlText } from './yaml-text.ts';

/**
 * Finds, reads and checks the configuration; without a file the embedded default applies.
 *
 * Relative paths of a file start from its directory, `~/` from `$HOME`. Ranges and selectors are not looked into: the
 * inventory does that. Throws `config_invalid` with every problem at once, `config_missing` when a named file is not there,
 * `permission_denied` or `io_failed` when it cannot be read.
 */
export function loadConfig(search: ConfigSearch): Config {
  const file = readConfigFile(search);
  const home = search.env.HOME || homedir();
  return file === undefined ? createEmbeddedConfig({ directory: search.cwd, home }) : parseConfig(file, home);
}

/** Checks the text of a configuration file. Throws as {@link loadConfig} does; `home` is what `~` stands for. */
export function parseConfig({ path: source, text }: ConfigFile, home: string): Config {
  const base = { directory: dirname(source), home };
  const yaml = parseYamlText(text);
  if (yaml.syntaxProblems.length > 0) throw invalidConfig(source, yaml.syntaxProblems);
  const parsed = createConfigSchema(base, { stagingRequired: true }).safeParse(yaml.value);
  const breaches = findRuleBreaches(yaml.value, base).map((breach) => ({ ...yaml.positionOf(breach.path), ...breach }));
  const problems = [
    ...yaml.keyProblems,
    ...(parsed.error?.issues ?? []).flatMap((issue) => toProblems(issue, yaml)),
    ...breaches,
  ];
  if (!parsed.success || problems.length > 0) throw invalidConfig(source, problems);
  return {
    ...toConfig(parsed.data, source, yaml),
    warnings: yaml.warnings.map((warning) => formatProblem(source, warning)),
  };
}

function createEmbeddedConfig(base: PathBase): Config {
  return toConfig(createConfigSchema(base, { stagingRequired: false }).parse(embeddedConfig));
}

type Issue = NonNullable<ReturnType<ReturnType<typeof createConfigSchema>['safeParse']>['error']>['issues'][number];

/** Unknown keys come as one issue with a line of message for each. */
function toProblems(issue: Issue, yaml: YamlText): Problem[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n');
    return issue.keys.flatMap((key, at) => {
      if (key === '__proto__') return []; // told by the reader, wherever it stands
      const keyPath = [...path, key];
      return { ...yaml.positionOf(keyPath, 'key'), path: keyPath, message: messages[at] ?? 'unknown key' };
    });
  }
  return [{ ...yaml.positionOf(path, issue.code === 'invalid_key' ? 'key' : 'value'), path, message: issue.message }];
}

function toConfig(input: ConfigInput, source?: string, yaml?: YamlText): Config {
  const keyAt = (...path: (string | number)[]) => yaml?.positionOf(path, 'key');
  const where = (position: Position | undefined) => position && `${source}:${position.line}:${position.column}`;
  // An object puts keys that look like numbers first; the file's order is the one that counts.
  const names = Object.keys(input.hosts).map((name) => ({ name, position: keyAt('hosts', name) }));
  const ordered = names.toSorted(({ position: a }, { position: b }) =>
    a && b ? a.line - b.line || a.column - b.column : 0,
  );
  const groups = input.groups.map(
    ({ soak, batch, concurrency, ...group }, at): GroupSettings => ({
      ...group,
      where: where(keyAt('groups', at)),
      batch,
      soakMs: soak,
      concurrency,
    }),
  );
  return {
    source,
    embedded: source === undefined,
    staging: input.staging,
    state: input.state,
    exclude: input.exclude,
    maxShrinkRatio: input.maxShrink,
    keepDeploys: input.keepDeploys,
    timeouts: {
      fetchMs: input.timeouts.fetch,
      promoteMs: input.timeouts.promote,
      finalizeMs: input.timeouts.finalize,
      connectMs: input.timeouts.connect,
    },
    ssh: toSsh(input),
    fanout: {
      degree: input.fanout.degree,
      thresholdBytes: input.fanout.threshold,
      ports: input.fanout.ports,
      bytesPerSecond: input.fanout.bwlimit,
      carrier: input.fanout.carrier,
    },
    hosts: ordered.map(({ name, position }) => toHost(name, where(position), input)),
    groups: groups.length > 0 ? groups : [everyHost],
    warnings: [],
  };
}

/** The group there is when none is written. */
const everyHost: GroupSettings = {
  name: 'all',
  where: undefined,
  hosts: ['*'],
  failureBudget: { hosts: 0 },
  batch: undefined,
  soakMs: 0,
  concurrency: undefined,
};

function toSsh({ ssh }: ConfigInput): SshSettings {
  return {
    configFile: ssh.configFile,
    identityFiles: ssh.identityFile,
    knownHosts: ssh.knownHosts,
    connectTimeoutMs: ssh.connectTimeout,
    maxStarts: ssh.maxStarts,
    maxSessions: ssh.maxSessions,
    keepAliveMs: ssh.keepAlive,
    proxyJump: ssh.proxyJump,
    node: ssh.node,
  };
}

function toHost(pattern: string, where: string | undefined, { hosts, target }: ConfigInput): HostSettings {
  const host = hosts[pattern];
  return {
    pattern,
    where,
    transport: host?.transport ?? target.transport,
    address: host?.address,
    user: host?.user ?? target.user,
    port: host?.port ?? target.port,
    cache: host?.cache ?? target.cache,
    live: host?.live ?? target.live,
    labels: host?.labels ?? {},
    keepRevisions: host?.keepRevisions ?? target.keepRevisions,
    graceTimeMs: host?.graceTime ?? target.graceTime,
    onControllerLoss: host?.onControllerLoss ?? target.onControllerLoss,
  };
}
