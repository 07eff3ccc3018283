/**
 * `scap hosts`: the inventory, and the host keys of its SSH hosts.
 */
import { type ExitStatus, exitStatus, ScapError, toErrorReport } from '../../core/errors.ts';
import { settleAll } from '../../core/settle-all.ts';
import { quoteForShell } from '../../core/shell-quote.ts';
import type { Host } from '../../inventory/host.ts';

import { selectHosts } from '../../inventory/host-selector.ts';
import { withConfig } from '../../report/own-commands.ts';
import { toOneLine } from '../../report/plain-text.ts';
import { formatTable } from '../../report/table.ts';
import { countOf } from '../../report/wording.ts';
import { type HostKeySurvey, surveyHostKeys, trustHostKeys } from '../../transport/ssh/host-key-survey.ts';
import { confirm } from '../confirm.ts';
import type { Io } from '../io.ts';
import { type CommandResult, type CommonOptions, runSession } from '../session.ts';

export interface HostsListOptions extends CommonOptions {
  readonly limit?: string | undefined;
}

/** `scap hosts list` */
export function runHostsList(io: Io, options: HostsListOptions): Promise<ExitStatus> {
  return runSession(io, options, async ({ host: { inventory } }) => {
    const hosts = options.limit === undefined ? inventory.hosts : selectHosts(inventory.hosts, options.limit);
    const rows = hosts.map((host) => [
      host.name,
      host.group,
      host.transport === 'ssh' ? toSshAddress(host) : 'local',
      host.cache,
      host.live,
      Object.entries(host.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ]);
    const columns = ['host', 'group', 'reached by', 'cache', 'live', 'labels'].map((header) => ({ header }));
    return {
      status: exitStatus.ok,
      json: { ok: true, hosts },
      text: formatTable(columns, rows).join('\n'),
    };
  });
}

function toSshAddress({ name, user, address, port }: Host): string {
  return `${user === undefined ? '' : `${user}@`}${address ?? name}${port === undefined ? '' : `:${port}`}`;
}

export interface HostsTrustOptions extends CommonOptions {
  readonly yes?: boolean | undefined;
}

/** `scap hosts trust HOST…` */
export function runHostsTrust(io: Io, selectors: readonly string[], options: HostsTrustOptions): Promise<ExitStatus> {
  return runSession(io, options, async ({ host: { inventory, config, signal } }) => {
    const selected = selectHosts(inventory.hosts, selectors.join(','));
    const hosts = selected.filter(({ transport }) => transport === 'ssh');
    if (hosts.length === 0) {
      throw new ScapError('usage', 'Cannot trust host keys: none of these hosts is reached over SSH', {
        hint: 'See how each is reached with: scap hosts list',
      });
    }
    const settled = await settleAll(hosts, { limit: config.ssh.maxStarts, signal }, (host) =>
      surveyHostKeys(host, config.ssh),
    );
    const surveys = settled.map((item) => {
      if (item.status === 'fulfilled') return item.value;
      throw item.status === 'rejected'
        ? item.reason
        : new ScapError('interrupted', 'Stopped before every host was asked for its keys; nothing was recorded');
    });
    return decide(io, options, { surveys, signal });
  });
}

async function decide(
  io: Io,
  { yes, config }: HostsTrustOptions,
  { surveys, signal }: { readonly surveys: readonly HostKeySurvey[]; readonly signal: AbortSignal },
): Promise<CommandResult> {
  const count = surveys.flatMap(({ keys }) => keys.filter(({ state }) => state === 'new')).length;
  io.stderr.write(`${describeSurveys(surveys, config).join('\n')}\n`);
  const wanted =
    count === 0 ||
    yes === true ||
    (await confirm(io, `Record ${countOf(count, 'new key')} as the hosts' own?`, signal));
  if (wanted === undefined) {
    throw new ScapError('usage', 'Cannot record host keys unasked: there is no terminal to ask at', {
      hint: 'Compare the fingerprints with those of the hosts, then run again with --yes',
    });
  }
  if (wanted) trustHostKeys(surveys);
  const failed = surveys.filter(
    ({ keys, error }) => error !== undefined || keys.some(({ state }) => state === 'refused'),
  );
  const recorded = wanted ? count : 0;
  return {
    status: failed.length > 0 || !wanted ? exitStatus.partial : exitStatus.ok,
    json: {
      ok: failed.length === 0 && wanted,
      recorded,
      hosts: surveys.map(({ error, ...survey }) => ({ ...survey, error: error ? toErrorReport(error) : null })),
    },
    text: recorded === 0 ? 'Nothing new was recorded' : `Recorded ${countOf(recorded, 'host key')}`,
  };
}

function describeSurveys(surveys: readonly HostKeySurvey[], configFile: string | undefined): string[] {
  return surveys.flatMap(({ host, address, port, knownHosts, name, keys, error }) => [
    `${host} (${address} port ${port})`,
    ...keys.map(({ type, fingerprint, state }) => {
      const remark = {
        known: 'known already',
        new: 'new',
        refused: 'REFUSED: another key is recorded, or it is revoked',
      };
      return `  ${type} ${fingerprint}  ${remark[state]}`;
    }),
    ...(keys.some(({ state }) => state === 'refused')
      ? [
          `  hint: If the host was installed anew: ${quoteForShell(['ssh-keygen', '-R', name, '-f', knownHosts])}, then run this again`,
        ]
      : []),
    ...(error === undefined
      ? []
      : [
          `  ${toOneLine(error.message)}`,
          ...(error.hint === undefined ? [] : [`  hint: ${withConfig(toOneLine(error.hint), configFile)}`]),
        ]),
  ]);
}
