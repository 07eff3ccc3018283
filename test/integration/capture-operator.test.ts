import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createStagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, link, type Tree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
const originalUmask = process.umask();
afterEach(() => {
  vi.unstubAllEnvs();
  process.umask(originalUmask);
});

const tree: Tree = {
  'crlf.txt': file('a\r\nb\nc\r\n'),
  'ident.php': file('<?php # $Id$\n'),
  'ignored.log': file('kept'),
  'run.sh': file('#!/bin/sh\n', 0o755),
  'b\xe9t\xe9': file('latin1'),
  link: link('run.sh'),
  'd/secret': file('x', 0o640),
  'd/empty': directory(),
};

/** Pushes the tree in a fresh world and returns everything of the revision but its time. */
async function pushFresh(): Promise<unknown> {
  const world = await createStagingWorld(tempDir());
  writeTree(world.staging, tree);
  const sha = await world.push();
  const { info } = await world.repository.read(sha);
  return { ...info, time: 0 };
}

describe('[B2] the operator’s environment has no influence on a revision', () => {
  it('neither ~/.gitconfig, nor hooks, nor attributes and ignores of the user', async () => {
    const expected = await pushFresh();
    const home = tempDir();
    const hooks = join(home, 'hooks');
    mkdirSync(hooks);
    const marker = join(home, 'hook-ran');
    for (const hook of ['reference-transaction', 'post-index-change', 'pre-commit', 'post-update']) {
      writeFileSync(join(hooks, hook), `#!/bin/sh\ntouch ${marker}\nexit 1\n`, { mode: 0o755 });
    }
    writeFileSync(join(home, 'attributes'), '* text eol=crlf ident filter=shout\n');
    writeFileSync(join(home, 'ignore'), '*.log\n');
    writeFileSync(
      join(home, '.gitconfig'),
      `[core]
	autocrlf = true
	safecrlf = true
	hooksPath = ${hooks}
	attributesFile = ${home}/attributes
	excludesFile = ${home}/ignore
	fileMode = false
	symlinks = false
	precomposeUnicode = true
	quotePath = true
	protectNTFS = true
	compression = 0
[filter "shout"]
	clean = tr a-z A-Z
	required = true
[fetch]
	fsckObjects = true
[transfer]
	hideRefs = refs/scap
[gc]
	auto = 1
`,
    );
    vi.stubEnv('HOME', home);
    vi.stubEnv('XDG_CONFIG_HOME', home);
    expect(await pushFresh()).toEqual(expected);
    expect(existsSync(marker)).toBe(false);
    // Git gives up on a file like this one: proof that it is not even read.
    writeFileSync(join(home, '.gitconfig'), '[broken');
    expect(await pushFresh()).toEqual(expected);
  });

  it('nor GIT_ variables', async () => {
    const expected = await pushFresh();
    const elsewhere = tempDir();
    for (const [name, value] of Object.entries({
      GIT_DIR: join(elsewhere, 'dir'),
      GIT_WORK_TREE: elsewhere,
      GIT_INDEX_FILE: join(elsewhere, 'index'),
      GIT_OBJECT_DIRECTORY: join(elsewhere, 'objects'),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: elsewhere,
      GIT_NAMESPACE: 'other',
      GIT_AUTHOR_DATE: '2001-01-01T00:00:00Z',
      GIT_AUTHOR_NAME: 'Somebody Else',
      GIT_COMMITTER_EMAIL: 'else@example.org',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'core.autocrlf',
      GIT_CONFIG_VALUE_0: 'true',
      GIT_CONFIG_PARAMETERS: "'core.hookspath=/tmp'",
      GIT_TRACE: join(elsewhere, 'trace'),
      GIT_EXEC_PATH: elsewhere,
      GIT_LITERAL_PATHSPECS: '0',
    })) {
      vi.stubEnv(name, value);
    }
    expect(await pushFresh()).toEqual(expected);
    expect(existsSync(join(elsewhere, 'trace'))).toBe(false);
  });

  it.each([
    ['an odd locale', { LC_ALL: 'tr_TR.UTF-8', LANG: 'de_DE', LANGUAGE: 'ja' }],
    ['an odd time zone', { TZ: 'Pacific/Kiritimati' }],
    ['no home', { HOME: undefined }],
    ['a home that is a file', { HOME: '/dev/null' }],
  ] as const)('nor %s', async (_, environment) => {
    const expected = await pushFresh();
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    expect(await pushFresh()).toEqual(expected);
  });

  it.each(['000', '077', '027'])('nor the umask %s', async (umask) => {
    const expected = await pushFresh();
    process.umask(Number.parseInt(umask, 8));
    expect(await pushFresh()).toEqual(expected);
  });
});

it('[I2] the same bytes make the same tree, in whatever order and by whatever way they came to be there', async () => {
  const expected = (await pushFresh()) as { tree: string };
  const world = await createStagingWorld(tempDir());
  writeTree(world.staging, { link: link('elsewhere'), other: file('gone soon') });
  await world.push();
  for (const name of ['link', 'other']) rmSync(join(world.staging, name));
  writeTree(world.staging, Object.fromEntries(Object.entries(tree).reverse()));
  expect(await world.repository.readTree(await world.push())).toBe(expected.tree);
});
