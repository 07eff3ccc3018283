// Full disks, no inodes left, read-only caches, missing permissions. The small file systems live in a mount namespace of their own, which ends
// with the process that holds it.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cleanUp, eventually, type Running, Site, stage, startProcess } from './support/site.ts';
import { expectRepaired, servedTree } from './support/soundness.ts';

const isRoot = process.getuid?.() === 0;
const unshare = isRoot ? ['unshare', '-m'] : ['unshare', '-rm'];
const canMount =
  spawnSync(unshare[0] as string, [...unshare.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

afterEach(cleanUp);

/** A mount namespace; commands run in it with `prefix`, and its files are seen below `root`. */
/** Without mounts there is no small file system to fill: that fails with what is needed, and is not passed over. */
function requireMounts(): void {
  if (canMount) return;
  throw new Error('Cannot mount a tmpfs: run as root, or allow it with: sysctl -w kernel.unprivileged_userns_clone=1');
}

interface Namespace {
  readonly prefix: readonly string[];
  run(...argv: string[]): { readonly status: number | null; readonly stdout: string };
}

async function openNamespace(): Promise<Namespace> {
  const holder: Running = startProcess(unshare[0] as string, [
    ...unshare.slice(1),
    'sh',
    '-c',
    'echo ready; exec sleep 600',
  ]);
  await holder.until(/ready/);
  const prefix = ['nsenter', '-t', String(holder.pid), '-m', ...(isRoot ? [] : ['-U', '--preserve-credentials'])];
  const run = (...argv: string[]) => {
    const [program = '', ...args] = [...prefix, ...argv];
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    return { status, stdout: `${stdout}${stderr}` };
  };
  return { prefix, run };
}

/** A site with the directory of `where` on a file system of `options`, and one revision live everywhere. */
async function smallSite(where: (site: Site) => string, options: string, config = '') {
  const site = new Site({ keepRevisions: 2, config });
  const namespace = await openNamespace();
  const small = where(site);
  mkdirSync(small, { recursive: true });
  expect(namespace.run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', small).status).toBe(0);
  stage(site.staging, 0);
  const { prefix } = namespace;
  await site.ok(['push'], { prefix });
  await site.settle();
  const shas = site.hosts.map((host) => site.liveSha(host));
  return { site, namespace, prefix, small, shas };
}

const live = (site: Site) => site.hosts.map((host) => readlinkSync(site.live(host)).split('/').at(-1));

function addFiles(site: Site, count: number, bytes: number): void {
  mkdirSync(join(site.staging, 'many'), { recursive: true });
  for (let i = 0; i < count; i++)
    writeFileSync(join(site.staging, 'many', `${i}`), `${i}`.padEnd(bytes, String(Math.sin(i))));
}

describe('a full disk on one target', () => {
  beforeAll(requireMounts);

  it('[B24] while rsync brings a large bundle: said so, given back, and with space a push succeeds', async () => {
    const config = 'fanout: {carrier: rsync, threshold: 1MiB, bwlimit: 4MB}';
    const { site, namespace, prefix, small, shas } = await smallSite((of) => of.cache('web2'), 'size=100m', config);
    writeFileSync(join(site.staging, 'pack.bin'), randomBytes(12_000_000));
    const pushing = site.scap(['push', '--limit', 'web2', '--json'], { prefix });
    const parts = ['find', small, '-name', 'blob-*.part', '-size'];
    await eventually(() => namespace.run(...parts, '+1000k').stdout !== '', 30_000);
    namespace.run('sh', '-c', `cat /dev/zero > ${small}/fill 2>/dev/null`);
    const failed = await pushing;
    const story = `${failed.stdout}\n${failed.stderr}`;
    expect(failed.status, story).toBe(5);
    const { hosts } = JSON.parse(failed.stdout) as { hosts: { error?: { code: string } }[] };
    expect(
      hosts.flatMap(({ error }) => (error ? [error.code] : [])),
      story,
    ).toContain('disk_full');
    expect(live(site), story).toEqual(shas);
    await site.settle();
    expect(namespace.run(...parts, '+0').stdout, 'kept in spite of it').toBe('');
    namespace.run('rm', join(small, 'fill'));
    await site.ok(['push'], { prefix });
    expect(new Set(live(site)).size).toBe(1);
  });

  it.each([
    { what: 'bytes, found out before anything is sent', options: 'size=2m', files: 30, bytes: 100_000, fill: false },
    {
      what: 'inodes, found out before anything is sent',
      options: 'size=20m,nr_inodes=300',
      files: 400,
      bytes: 10,
      fill: false,
    },
    { what: 'bytes, found out while files are written', options: 'size=6m', files: 40, bytes: 50_000, fill: true },
    {
      what: 'inodes, found out while files are written',
      options: 'size=20m,nr_inodes=700',
      files: 300,
      bytes: 10,
      fill: true,
    },
  ])(
    '[B24] [B52] $what: that host fails, nobody is promoted, its litter is gone, and with space a push succeeds',
    async (given) => {
      const { site, namespace, prefix, small, shas } = await smallSite((of) => of.cache('web2'), given.options);
      addFiles(site, given.files, given.bytes);
      // Somebody else takes the space after the check: just before the first of the many files is written.
      const filler = given.options.includes('inodes')
        ? `i=0; while : > fill-$i; do i=$((i+1)); done`
        : 'cat /dev/zero > fill-0';
      let fault: Record<string, string | number> | undefined;
      let filling: Promise<void> | undefined;
      if (given.fill) {
        const mark = join(site.dir, 'about-to-write');
        fault = { role: 'agent', host: 'web2', action: 'delay', ms: 1500, op: 'openSync', match: 'many/', mark };
        filling = eventually(() => readdirSync(site.dir).includes('about-to-write')).then(() => {
          namespace.run('sh', '-c', `cd ${small} && { ${filler}; } 2>/dev/null`);
        });
      }
      const failed = await site.scap(['push', '--json'], { prefix, fault });
      await filling;
      const story = `${failed.stdout}\n${failed.stderr}`;
      expect(failed.status, story).toBe(5);
      const result = JSON.parse(failed.stdout);
      const web2 = result.hosts.find(({ host }: { host: string }) => host === 'web2');
      expect(web2, story).toMatchObject({ state: 'failed', error: { code: 'disk_full' } });
      expect(web2.error.hint, story).toMatch(/[Ff]ree/);
      expect(live(site), story).toEqual(shas);
      await site.settle();
      const left = namespace.run(
        'find',
        join(small, 'work'),
        '-mindepth',
        '1',
        '-maxdepth',
        '1',
        '!',
        '-name',
        'spare',
      ).stdout;
      expect(left, 'litter').toBe('');
      expect(namespace.run('find', join(small, 'repo.git/objects/pack'), '-name', 'tmp_*').stdout).toBe('');
      expect(namespace.run('cat', join(site.live('web2'), 'VERSION')).stdout).toBe('0\n');

      expect(
        namespace.run('sh', '-c', `rm -f ${small}/fill-*; mount -o remount,size=50m,nr_inodes=10000 ${small}`).status,
      ).toBe(0);
      await site.ok(['push'], { prefix });
      await site.settle();
      expect(new Set(live(site)).size).toBe(1);
      expect(live(site)).not.toEqual(shas);
      const verified = await site.scap(['verify', '--deep'], { prefix });
      expect(verified.status, verified.stdout).toBe(0);
    },
  );

  it('[B24] the disk fills at each kind of write, one after the other: that host fails, nobody is promoted, no litter', {
    timeout: 180_000,
  }, async () => {
    const { site, namespace, prefix, small, shas } = await smallSite((of) => of.cache('web2'), 'size=8m');
    addFiles(site, 10, 1000);
    const opened = ['state.json', 'bundle-', 'shallow', 'index.php', 'ctime-windows', 'meta/.*\\.json'];
    const points = [
      ...opened.map((match) => ({ op: 'openSync', match })),
      { op: 'writeFileSync', match: 'work/index-' },
    ];
    for (const [at, { op, match }] of points.entries()) {
      const fault = { role: 'agent', host: 'web2', action: 'fail', code: 'ENOSPC', op, match };
      const failed = await site.scap(['push', '--json'], { prefix, fault });
      const story = `no space for ${match}\n${failed.stdout}\n${failed.stderr}`;
      expect(failed.status, story).toBe(5);
      expect(live(site), story).toEqual(shas);
      const { hosts } = JSON.parse(failed.stdout);
      expect(hosts.find(({ host }: { host: string }) => host === 'web2').error.code, story).toBe('disk_full');
      await site.settle();
      const left = namespace.run(
        'find',
        join(small, 'work'),
        '-mindepth',
        '1',
        '-maxdepth',
        '1',
        '!',
        '-name',
        'spare',
      ).stdout;
      expect(left, story).toBe('');
      const more = stage(site.staging, at + 1);
      expect(more).toBeDefined();
    }
    await site.ok(['push'], { prefix });
    expect((await site.scap(['verify', '--deep'], { prefix })).status).toBe(0);
  });
});

describe('a full disk on the deploy host', () => {
  beforeAll(requireMounts);

  it('[B24] commits nothing, says which disk, exits 5, and the next push works', async () => {
    const { site, namespace, prefix, small, shas } = await smallSite((of) => of.state, 'size=3m');
    addFiles(site, 60, 1000);
    for (let i = 0; i < 60; i++)
      writeFileSync(
        join(site.staging, 'many', `${i}`),
        Buffer.from(Array.from({ length: 80_000 }, () => Math.random() * 256)),
      );
    const failed = await site.scap(['push', '--json'], { prefix });
    const story = `${failed.stdout}\n${failed.stderr}`;
    expect(failed.status, story).toBe(5);
    expect(JSON.parse(failed.stdout).error.code, story).toBe('disk_full');
    expect(failed.stderr).toMatch(/no space left/i);
    expect(failed.stderr).toMatch(/hint: .*[Ff]ree/);
    expect(live(site)).toEqual(shas);
    const main = namespace.run(
      'git',
      '--git-dir',
      join(small, 'repo.git'),
      '-c',
      'safe.directory=*',
      'rev-parse',
      'refs/heads/main',
    );
    expect(main.stdout.trim(), 'nothing was committed').toBe(shas[0]);
    expect(
      namespace.run(
        'find',
        join(small, 'work'),
        join(small, 'repo.git/objects/pack'),
        '-name',
        '*tmp*',
        '-o',
        '-path',
        '*/work/*',
      ).stdout,
    ).toBe('');
    expect(namespace.run('mount', '-o', 'remount,size=50m', small).status).toBe(0);
    await site.ok(['push'], { prefix });
    expect(new Set(live(site)).size).toBe(1);
    expect(live(site)).not.toEqual(shas);
  });
});

describe.skipIf(!isRoot)('a cache that may not be written', () => {
  it('[B24] read-only: one clear error that names the path; the old revision stays live', async () => {
    const { site, namespace, prefix, small, shas } = await smallSite((of) => of.cache('web2'), 'size=20m');
    expect(namespace.run('mount', '-o', 'remount,ro', small).status).toBe(0);
    stage(site.staging, 1);
    const failed = await site.scap(['push', '--json'], { prefix });
    const story = `${failed.stdout}\n${failed.stderr}`;
    expect(failed.status, story).toBe(5);
    const { error } = JSON.parse(failed.stdout).hosts.find(({ host }: { host: string }) => host === 'web2');
    expect(error.code, story).toBe('permission_denied');
    expect(error.message, story).toContain(small);
    expect(error.message, story).toMatch(/read-only/);
    expect(live(site), story).toEqual(shas);
    expect(namespace.run('mount', '-o', 'remount,rw', small).status).toBe(0);
    await site.ok(['push'], { prefix });
    expect(new Set(live(site)).size).toBe(1);
  });

  it('[B24] [B47] permission denied for an ordinary user: one clear error that names the path, and no stack', async () => {
    const site = new Site({ hosts: ['web1', 'web2'] });
    const uid = 65_534;
    // /dev/null is not for everybody in every container.
    const namespace = await openNamespace();
    const device = join(site.dir, 'null');
    namespace.run('sh', '-c', `mknod ${device} c 1 3 && chmod 666 ${device} && mount --bind ${device} /dev/null`);
    const prefix = [...namespace.prefix, 'setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin' };
    const tree = stage(site.staging, 0);
    const own = (path: string) => spawnSync('chown', ['-R', `${uid}:${uid}`, path]);
    own(site.dir);
    await site.ok(['push'], { prefix, env });
    await site.settle();
    const [sha] = [site.liveSha('web2')];
    chownSync(join(site.cache('web2'), 'work'), 0, 0);
    chmodSync(join(site.cache('web2'), 'work'), 0o755);
    stage(site.staging, 1);
    own(site.staging);
    const failed = await site.scap(['push', '--json'], { prefix, env });
    const story = `${failed.stdout}\n${failed.stderr}`;
    expect(failed.status, story).toBe(5);
    const { error } = JSON.parse(failed.stdout).hosts.find(({ host }: { host: string }) => host === 'web2');
    expect(error.code, story).toBe('permission_denied');
    expect(error.message, story).toContain(join(site.cache('web2'), 'work'));
    expect(failed.stderr).not.toMatch(/Internal error|^\s+at /m);
    expect([site.liveSha('web2'), servedTree(site, 'web2')]).toEqual([sha, tree]);
    own(site.dir);
    await site.ok(['push'], { prefix, env });
    await site.settle();
    own(site.dir);
    spawnSync('chown', ['-R', '0:0', site.dir]);
    await expectRepaired(site, servedTree(site, 'web1') ?? '', 'after the repair');
  });
});
