import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import {
  openRepository,
  readObject,
  readRefs,
  readShallow,
  readTreeOf,
  updateRefs,
  writeShallow,
} from '../../../src/git/repository.ts';
import { git, gitLine } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';
import { file, readTree, writeTree } from '../../support/tree-builder.ts';

const tempDir = useTempDirs();
afterEach(() => vi.unstubAllEnvs());

const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as Sha;
const open = () => openRepository(join(tempDir(), 'r.git'));

/** Stores a blob with stock git. */
const storeBlob = (gitDir: string, input: string) =>
  gitLine(['--git-dir', gitDir, 'hash-object', '-w', '--stdin'], { input }) as Sha;

describe('openRepository()', () => {
  it('[I1] makes one in which stock git, too, leaves every byte alone, whatever attributes are in the tree', async () => {
    const { gitDir } = await open();
    const tree = tempDir();
    writeTree(tree, {
      '.gitattributes': file(
        '* text=auto eol=crlf ident export-subst working-tree-encoding=UTF-16\nhidden export-ignore\n',
      ),
      hidden: file('here\n'),
      mixed: file('a\r\nb\n$Id$ $Format:%H$\n'),
    });
    const env = { GIT_DIR: gitDir, GIT_WORK_TREE: tree, GIT_INDEX_FILE: join(tempDir(), 'index') };
    git(['update-index', '--add', '--stdin'], { input: '.gitattributes\nhidden\nmixed\n', env, cwd: tree });
    const written = gitLine(['write-tree'], { env });
    const out = tempDir();
    writeFileSync(join(out, 'a.tar'), git(['--git-dir', gitDir, 'archive', written]));
    const extracted = join(out, 'x');
    mkdirSync(extracted);
    expect(git(['--git-dir', gitDir, 'cat-file', 'blob', `${written}:mixed`]).toString()).toBe(
      'a\r\nb\n$Id$ $Format:%H$\n',
    );
    git(['-c', 'alias.x=!tar', 'x', '-xf', join(out, 'a.tar'), '-C', extracted]);
    expect(readTree(extracted).mixed).toMatchObject({ content: 'a\r\nb\n$Id$ $Format:%H$\n' });
    expect(Object.keys(readTree(extracted))).toEqual(['.gitattributes', 'hidden', 'mixed']);
  });

  it('[B2] is not influenced by the operator: templates, default branch, object format, GIT_DIR', async () => {
    const home = tempDir();
    mkdirSync(join(home, 'template/hooks'), { recursive: true });
    writeFileSync(join(home, 'template/hooks/post-update'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(
      join(home, '.gitconfig'),
      `[init]\n\ttemplateDir = ${home}/template\n\tdefaultBranch = trunk\n[core]\n\tautocrlf = true\n`,
    );
    vi.stubEnv('HOME', home);
    vi.stubEnv('GIT_DIR', join(home, 'elsewhere'));
    vi.stubEnv('GIT_INDEX_FILE', join(home, 'index'));
    vi.stubEnv('GIT_DEFAULT_HASH', 'sha256');
    vi.stubEnv('GIT_TEMPLATE_DIR', join(home, 'template'));
    const { gitDir } = await open();
    expect(readFileSync(join(gitDir, 'HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
    expect(Object.keys(readTree(gitDir)).filter((path) => path.startsWith('hooks/'))).toEqual([]);
    expect(gitLine(['--git-dir', gitDir, 'rev-parse', '--show-object-format'])).toBe('sha1');
    expect(Object.keys(readTree(home, (path) => path.startsWith('template')))).toEqual(['.gitconfig']);
  });

  it('takes up again what was interrupted before it was complete, and keeps what is there', async () => {
    const { gitDir } = await open();
    const oid = storeBlob(gitDir, 'kept');
    rmSync(join(gitDir, 'info/attributes'));
    rmSync(join(gitDir, 'config'));
    const again = await openRepository(gitDir);
    expect((await readObject(again, oid))?.toString()).toBe('kept');
    expect(readFileSync(join(gitDir, 'config'), 'utf8')).toContain('fsync = all');
  });
});

describe('updateRefs()', () => {
  it('changes all refs or none', async () => {
    const repository = await open();
    const oid = storeBlob(repository.gitDir, 'x');
    await updateRefs(repository, [{ name: 'refs/scap/a', to: oid }]);
    const missing = '1'.repeat(40) as Sha;
    const refused = updateRefs(repository, [
      { name: 'refs/scap/b', to: oid },
      { name: 'refs/scap/c', to: missing },
    ]);
    await expect(refused).rejects.toMatchObject({ code: 'process_failed' });
    expect(await readRefs(repository)).toEqual(new Map([['refs/scap/a', oid]]));
  });

  it('deletes, and is not troubled by what is gone already', async () => {
    const repository = await open();
    await updateRefs(repository, [{ name: 'refs/scap/a', to: storeBlob(repository.gitDir, 'x') }]);
    await updateRefs(repository, [
      { name: 'refs/scap/a', to: undefined },
      { name: 'refs/scap/b', to: undefined },
    ]);
    expect(await readRefs(repository)).toEqual(new Map());
    await updateRefs(repository, []);
  });
});

it('readRefs() lists only what lies below the prefix', async () => {
  const repository = await open();
  const oid = storeBlob(repository.gitDir, 'x');
  await updateRefs(
    repository,
    ['refs/scap/times/1', 'refs/scap/records/1'].map((name) => ({ name, to: oid })),
  );
  expect([...(await readRefs(repository, 'refs/scap/times/')).keys()]).toEqual(['refs/scap/times/1']);
});

it('readObject() tells what is not there from what is', async () => {
  const repository = await open();
  expect(await readObject(repository, storeBlob(repository.gitDir, ''))).toEqual(Buffer.alloc(0));
  expect(await readObject(repository, '1'.repeat(40))).toBeUndefined();
  expect(await readObject(repository, 'refs/scap/none')).toBeUndefined();
});

it('readTreeOf() finds the tree of a commit, and says when the commit is not there', async () => {
  const repository = await open();
  git(['--git-dir', repository.gitDir, 'hash-object', '-w', '-t', 'tree', '--stdin']);
  const commit = gitLine(['--git-dir', repository.gitDir, 'commit-tree', '-m', 'x', emptyTree]) as Sha;
  expect(await readTreeOf(repository, commit)).toBe(emptyTree);
  await expect(readTreeOf(repository, '1'.repeat(40) as Sha)).rejects.toMatchObject({ code: 'repository_damaged' });
});

it('writeShallow() makes git do without the parents of a commit', async () => {
  const repository = await open();
  expect(readShallow(repository)).toEqual(new Set());
  const commit = `tree ${emptyTree}\nparent ${'1'.repeat(40)}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n`;
  git(['--git-dir', repository.gitDir, 'hash-object', '-w', '-t', 'tree', '--stdin']);
  const sha = gitLine(['--git-dir', repository.gitDir, 'hash-object', '-w', '-t', 'commit', '--stdin'], {
    input: commit,
  }) as Sha;
  writeShallow(repository, new Set([sha]));
  expect(readShallow(repository)).toEqual(new Set([sha]));
  expect(gitLine(['--git-dir', repository.gitDir, 'rev-list', '--objects', sha])).toContain(sha);
});
