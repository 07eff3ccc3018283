/**
 * Decides where a connection goes: what scap.yaml says, else the SSH client configuration, else the defaults of OpenSSH.
 */
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ScapError } from '../../core/errors.ts';
import { type OpensshSettings, readOpensshConfig } from './openssh-config.ts';
import type { Destination, IdentitySettings, SshSettings } from './settings.ts';

/** A host as the inventory has it. */
export interface Address {
  readonly name: string;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

type ReadConfig = typeof readOpensshConfig;

/** Throws `config_invalid` for what scap cannot do, such as a ProxyCommand. */
export async function resolveDestination(
  host: Address,
  settings: SshSettings,
  readConfig: ReadConfig = readOpensshConfig,
): Promise<Destination> {
  const destination = await resolveHop(host, settings, readConfig);
  const spec = settings.proxyJump ?? destination.proxyJump;
  const jumps: Destination[] = [];
  for (const hop of spec === undefined || spec === 'none' ? [] : spec.split(',')) {
    jumps.push(await resolveHop(parseHop(hop, host.name), settings, readConfig));
  }
  return { ...destination, jumps };
}

async function resolveHop(host: Address, settings: SshSettings, readConfig: ReadConfig) {
  const asked = host.address ?? host.name;
  const { user, port } = host;
  const openssh = await readConfig({ host: asked, user, port, configFile: settings.configFile });
  const command = first(openssh, 'proxycommand');
  if (command !== undefined && settings.proxyJump === undefined) {
    throw new ScapError('config_invalid', `Cannot reach ${host.name}: its SSH configuration has a ProxyCommand`, {
      hint: 'scap goes through jump hosts: use ProxyJump there, or "ssh.proxyJump" in scap.yaml',
      data: { host: host.name },
    });
  }
  return {
    name: host.name,
    address: first(openssh, 'hostname') ?? asked,
    port: port ?? Number(first(openssh, 'port') ?? 22),
    user: user ?? first(openssh, 'user') ?? userInfo().username,
    hostKeyAlias: first(openssh, 'hostkeyalias'),
    knownHosts: settings.knownHosts.length > 0 ? settings.knownHosts : knownHostsOf(openssh),
    identities: identitiesOf(openssh, settings),
    jumps: [],
    proxyJump: first(openssh, 'proxyjump'),
  };
}

function knownHostsOf(openssh: OpensshSettings): string[] {
  const files = ['userknownhostsfile', 'globalknownhostsfile'].flatMap((key) =>
    (openssh.get(key) ?? []).flatMap((value) => value.split(' ')),
  );
  if (files.length > 0) return files.filter((path) => path !== 'none').map(expandHome);
  return ['~/.ssh/known_hosts', '~/.ssh/known_hosts2', '/etc/ssh/ssh_known_hosts'].map(expandHome);
}

function identitiesOf(openssh: OpensshSettings, { identityFiles }: SshSettings): IdentitySettings {
  const configured = identityFiles.length > 0;
  const listed = openssh.get('identityfile') ?? ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa'];
  return {
    files: configured ? identityFiles : listed.filter((path) => path !== 'none').map(expandHome),
    agent: agentOf(openssh.get('identityagent')?.[0]),
    only: configured || first(openssh, 'identitiesonly') === 'yes',
  };
}

/** See ssh_config(5), IdentityAgent: `none`, a variable of the environment, or a socket. */
function agentOf(configured: string | undefined): string | undefined {
  if (configured === 'none') return undefined;
  const variable = configured === 'SSH_AUTH_SOCK' ? configured : /^\$\{?(\w+)\}?$/.exec(configured ?? '')?.[1];
  if (variable !== undefined) return process.env[variable] || undefined;
  return configured === undefined ? process.env.SSH_AUTH_SOCK || undefined : expandHome(configured);
}

/** `none` is how OpenSSH says that something is not set. */
function first(settings: OpensshSettings, key: string): string | undefined {
  const value = settings.get(key)?.[0];
  return value === undefined || value === '' || value === 'none' ? undefined : value;
}

function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** Parses `[user@]host[:port]`, also as `ssh://…` and with an IPv6 address in brackets. */
export function parseHop(text: string, name: string): Address {
  const match = /^(?:ssh:\/\/)?(?:([^@\s]+)@)?(\[[^\]\s]+\]|[^:@\s/-][^:@\s/]*)(?::(\d{1,5}))?$/.exec(text.trim());
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (match?.[2] === undefined || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new ScapError('config_invalid', `Cannot reach ${name}: ${JSON.stringify(text)} is no jump host`, {
      hint: 'Write it as user@host:port; several are separated by commas',
    });
  }
  const address = match[2].replace(/^\[(.*)\]$/, '$1');
  return { name: address, address, port, user: match[1] };
}
