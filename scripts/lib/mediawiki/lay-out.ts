/**
 * A staging tree as an operator of a wiki farm has it, out of Debian's package: three versions side by side, one of them made
 * of nested git checkouts; configuration, docroots of symbolic links, private files, empty directories, and git files
 * at the root that would make a deploy tool based on `git add` or `git archive` lose or change something.
 */
import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeCheckout, runFixedGit } from '../fixed-git.ts';
import { runProgram } from '../program/run-program.ts';
import { mutateTree } from '../staging/mutate-tree.ts';
import type { ObtainedPackage } from './obtain-package.ts';

export interface LaidOut {
  /** Directory names: `php-1.39.17-a` and so on. */
  readonly versions: readonly [string, string, string];
  /** Nested checkouts, relative to the staging tree. */
  readonly checkouts: readonly string[];
}

/** Lays the tree out at `staging`, which must not exist. Takes the first copy out of the unpacked package by renaming. */
export async function layOutStaging(
  { version, files }: ObtainedPackage,
  staging: string,
  signal: AbortSignal,
): Promise<LaidOut> {
  const upstream = /([0-9]+(?:\.[0-9]+)+)/.exec(version.replace(/^[0-9]+:/, ''))?.[1] ?? '1';
  const versions = [`php-${upstream}-a`, `php-${upstream}-b`, `php-${upstream}-c`] as const;
  mkdirSync(staging, 0o755);
  const [a, b, c] = versions.map((name) => join(staging, name)) as [string, string, string];
  renameSync(join(files, 'usr/share/mediawiki'), a);
  await runProgram(['cp', '-a', a, b], { signal });
  await runProgram(['cp', '-a', a, c], { signal });
  editSecond(b);
  const checkouts = nestCheckouts(c).map((path) => `${versions[2]}/${path}`);
  mkdirSync(join(staging, 'docroot'));
  cpSync(join(files, 'var/lib/mediawiki'), join(staging, 'docroot/debian'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  writeConfiguration(staging, versions);
  return { versions, checkouts };
}

/** What distinguishes two weekly branches: edits, removals, additions, a file that became executable. */
function editSecond(version: string): void {
  mutateTree(version, 400, 'second');
  rmSync(join(version, 'maintenance/archives'), { recursive: true });
  renameSync(join(version, 'index.php'), join(version, 'index.php5'));
  mkdirSync(join(version, 'extensions-core/Local'));
  writeFileSync(join(version, 'extensions-core/Local/extension.json'), '{"name":"Local"}\n');
  chmodSync(join(version, 'maintenance/update.php'), 0o755);
}

/** Makes extensions, skins and the version itself checkouts: one with local edits, one with its repository elsewhere. */
function nestCheckouts(version: string): string[] {
  const inner = ['extensions-core', 'skins'].flatMap((kind) =>
    readdirSync(join(version, kind), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${kind}/${name}`),
  );
  for (const path of inner) checkOut(version, path);
  checkOut(version, '.');
  const [dirty = '', moved = ''] = inner;
  writeFileSync(join(version, dirty, 'hotfix.php'), '<?php\n// Never committed\n');
  const repository = join(version, '.git/modules', moved);
  mkdirSync(dirname(repository), { recursive: true });
  renameSync(join(version, moved, '.git'), repository);
  writeFileSync(join(version, moved, '.git'), `gitdir: ../../.git/modules/${moved}\n`);
  runFixedGit(join(version, moved), 'config', 'core.worktree', `../../../../${moved}`);
  return ['.', ...inner];
}

function checkOut(version: string, path: string): void {
  makeCheckout(join(version, path), {
    branch: 'REL1_39',
    remote: `https://gerrit.example.org/r/mediawiki/${path === '.' ? 'core' : path}`,
    message: `Branch ${path}`,
  });
}

function writeConfiguration(staging: string, [a, b, c]: LaidOut['versions']): void {
  const files: Record<string, string> = {
    'wikiversions.json': `${JSON.stringify({ enwiki: a, dewiki: b, testwiki: c }, undefined, 2)}\n`,
    'wmf-config/CommonSettings.php': '<?php\n$wgSitename = "Wiki";\n',
    'wmf-config/InitialiseSettings.php': '<?php\n$wgConf->settings = [];\n',
    'wmf-config/dos.ini': 'first = 1\r\nsecond = 2\r\n',
    'private/PrivateSettings.php': '<?php\n$wgDBpassword = "secret";\n',
    'private/deploy-key': 'not a real key\n',
    '.gitignore': '/private/\n*.log\ncache/\nvendor/\n',
    '.gitattributes':
      '/wmf-config export-ignore\n*.json export-ignore\n*.php ident export-subst text eol=crlf\n*.ini text\n* filter=lfs\n',
    'wmf-config/subst.php': '<?php // $Id$ $Format:%H$\n',
    'logs/debug.log': 'ignored by git, deployed by scap\n',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(staging, path)), { recursive: true });
    writeFileSync(join(staging, path), text);
  }
  linkDocroots(staging, a);
  for (const path of ['cache/l10n', 'images/thumb', 'private/empty'])
    mkdirSync(join(staging, path), { recursive: true });
  chmodSync(join(staging, 'private'), 0o750);
  chmodSync(join(staging, 'private/PrivateSettings.php'), 0o640);
  chmodSync(join(staging, 'private/deploy-key'), 0o600);
  chmodSync(join(staging, 'wmf-config/dos.ini'), 0o664);
  chmodSync(join(staging, 'logs/debug.log'), 0o444);
}

function linkDocroots(staging: string, current: string): void {
  const links: Record<string, string> = {
    'php-current': current,
    'docroot/wikipedia.org/w': `../../${current}`,
    'docroot/wikipedia.org/static': '../../images',
    'docroot/wikidata.org': 'wikipedia.org',
    'docroot/lost': '/nonexistent/on/purpose',
  };
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(staging, path)), { recursive: true });
    symlinkSync(target, join(staging, path));
  }
}

/** Appends a line to a file of the staging tree, as a change to deploy. */
export function editFile(staging: string, path: string, line: string): void {
  appendFileSync(join(staging, path), line);
}
