import type { Fleet } from '../../fleet/fleet.mjs';

/** On the hosts; in namespaces each has a /srv of its own. */
export const deployTo = { path: '/srv/stock-capistrano', name: 'stock-capistrano' } as const;
/** Its helper script; /tmp is shared by all hosts. */
export const temporary = { path: '/srv/stock-capistrano-tmp', name: 'stock-capistrano-tmp' } as const;

/**
 * The files of a minimal Capistrano project, by path. No value holds a quote or a backslash: a fleet's directory is made
 * of letters, digits and `._/+=@,-`.
 *
 * @param fleet in namespaces: the path to deploy to is one for all hosts
 * @param repository bare; hosts read it as a file, since they share this machine's
 */
export function capistranoFiles(
  { directory, hosts }: Pick<Fleet, 'directory' | 'hosts'>,
  repository: string,
): Readonly<Record<string, string>> {
  const deploy = [
    `set :application, 'tree'`,
    `set :repo_url, '${repository}'`,
    `set :branch, 'main'`,
    `set :deploy_to, '${deployTo.path}'`,
    `set :tmp_dir, '${temporary.path}'`,
    `set :log_level, :error`,
    `set :ssh_options, {`,
    `  keys: ['${directory}/id_ed25519'], keys_only: true, use_agent: false, auth_methods: ['publickey'], config: false,`,
    `  user_known_hosts_file: '${directory}/known_hosts', global_known_hosts_file: []`,
    `}`,
  ];
  const servers = hosts.map(
    ({ address, port, user }) => `server '${address}', user: '${user}', port: ${port}, roles: %w[app]`,
  );
  const capfile = [
    `require 'capistrano/setup'`,
    `require 'capistrano/deploy'`,
    `require 'capistrano/scm/git'`,
    `install_plugin Capistrano::SCM::Git`,
  ];
  return {
    Capfile: toText(capfile),
    'config/deploy.rb': toText(deploy),
    'config/deploy/production.rb': toText(servers),
  };
}

function toText(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
