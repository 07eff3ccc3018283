// Revisions and repositories that somebody changed on a target, before a push, before a rollback, and while they are live.
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually, hashTree, Site, stage } from './support/site.ts';
import { servedTree } from './support/soundness.ts';

interface Tampering {
  readonly name: string;
  /** Whether `verify` finds it in the live revision; what the revision's own files do not show, it cannot. */
  readonly visible: boolean;
  apply(revision: string, meta: { readonly marker: string; readonly index: string; readonly repo: string }): void;
}

/** Writes into an existing file: through every name it has. */
function overwrite(path: string, text: string): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, text, 0);
  closeSync(fd);
}

function flipByte(path: string, at: number): void {
  const mode = statSync(path).mode;
  chmodSync(path, 0o600);
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] as number) ^ 0x55;
  writeFileSync(path, bytes);
  chmodSync(path, mode);
}

const tamperings: readonly Tampering[] = [
  {
    name: 'a file changed',
    visible: true,
    apply: (revision) => writeFileSync(join(revision, 'index.php'), 'evil, and longer'),
  },
  {
    name: 'a file changed, same size, time put back',
    visible: true,
    apply: (revision) => {
      const path = join(revision, 'index.php');
      const { atime, mtime, size } = statSync(path);
      unlinkSync(path);
      writeFileSync(path, '#'.repeat(size));
      utimesSync(path, atime, mtime);
    },
  },
  {
    name: 'a shared file edited in place, same size, time put back',
    visible: true,
    apply: (revision) => {
      const path = join(revision, 'same/one.txt');
      const { atime, mtime } = statSync(path);
      overwrite(path, 'ALWAYS');
      utimesSync(path, atime, mtime);
    },
  },
  { name: 'a file missing', visible: true, apply: (revision) => unlinkSync(join(revision, 'same/two.txt')) },
  {
    name: 'a directory missing',
    visible: true,
    apply: (revision) => rmSync(join(revision, 'same'), { recursive: true }),
  },
  {
    name: 'an empty directory missing',
    visible: true,
    apply: (revision) => {
      const empty = readdirSync(revision).find((name) => name.startsWith('empty-'));
      rmSync(join(revision, empty ?? ''), { recursive: true });
    },
  },
  {
    name: 'an extra file',
    visible: true,
    apply: (revision) => writeFileSync(join(revision, 'same/backdoor.php'), 'evil'),
  },
  {
    name: 'an extra directory',
    visible: true,
    apply: (revision) => {
      mkdirSync(join(revision, 'extra/deep'), { recursive: true });
      writeFileSync(join(revision, 'extra/deep/file'), 'evil');
    },
  },
  { name: 'a mode changed', visible: true, apply: (revision) => chmodSync(join(revision, 'secret.php'), 0o666) },
  { name: "a directory's mode changed", visible: true, apply: (revision) => chmodSync(join(revision, 'same'), 0o777) },
  {
    name: 'a link retargeted',
    visible: true,
    apply: (revision) => {
      const link = join(revision, 'link');
      expect(readlinkSync(link)).toBe('same/one.txt');
      unlinkSync(link);
      symlinkSync('/etc/passwd', link);
    },
  },
  {
    name: 'a file replaced by a link',
    visible: true,
    apply: (revision) => {
      unlinkSync(join(revision, 'VERSION'));
      symlinkSync('/etc/passwd', join(revision, 'VERSION'));
    },
  },
  {
    name: 'a file replaced by a directory',
    visible: true,
    apply: (revision) => {
      unlinkSync(join(revision, 'VERSION'));
      mkdirSync(join(revision, 'VERSION'));
    },
  },
  { name: 'the marker removed', visible: true, apply: (_, { marker }) => unlinkSync(marker) },
  { name: 'the marker cut short', visible: true, apply: (_, { marker }) => writeFileSync(marker, '{"version":1') },
  { name: 'the index removed', visible: true, apply: (_, { index }) => unlinkSync(index) },
  { name: 'the index flipped', visible: true, apply: (_, { index }) => flipByte(index, 100) },
  {
    name: 'the directory replaced by an empty one',
    visible: true,
    apply: (revision) => {
      rmSync(revision, { recursive: true });
      mkdirSync(revision);
    },
  },
  { name: 'the repository deleted', visible: false, apply: (_, { repo }) => rmSync(repo, { recursive: true }) },
  {
    name: 'every pack of the repository deleted',
    visible: false,
    apply: (_, { repo }) => rmSync(join(repo, 'objects/pack'), { recursive: true }),
  },
];

const flips = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95].map(
  (share): Tampering => ({
    name: `a byte flipped at ${share * 100} % of every pack`,
    visible: false,
    apply: (_, { repo }) => {
      const packs = readdirSync(join(repo, 'objects/pack')).filter((name) => name.endsWith('.pack'));
      for (const name of packs) {
        const path = join(repo, 'objects/pack', name);
        flipByte(path, Math.floor(statSync(path).size * share));
      }
    },
  }),
);

/** One site serves all cases, as long as they pass: a case that failed leaves it to nobody. */
let shared: Site | undefined;
let pushes = 0;

afterEach(async () => {
  if (shared === undefined) await cleanUp();
});
afterAll(cleanUp);

function stageNext(site: Site): string {
  stage(site.staging, pushes++);
  symlinkSync('same/one.txt', join(site.staging, 'link'));
  return hashTree(site.staging);
}

/** Two revisions everywhere, with files of every kind; the second is live. */
async function preparedSite() {
  const site = shared ?? new Site({ hosts: ['web1', 'web2'], keepRevisions: 4 });
  for (let missing = shared === undefined ? 2 : 0; missing > 0; missing--) {
    stageNext(site);
    await site.ok(['push']);
    await site.settle();
  }
  shared = undefined;
  const live = site.liveSha('web1');
  const { swaps } = JSON.parse(readFileSync(join(site.cache('web1'), 'state.json'), 'utf8'));
  return { site, live, tree: hashTree(revisionOf(site, live)), previous: swaps.at(-1).from as string };
}

function revisionOf(site: Site, sha: string): string {
  return join(site.cache('web1'), 'revs', sha);
}

function tamper(site: Site, sha: string, { apply }: Tampering): void {
  const cache = site.cache('web1');
  apply(revisionOf(site, sha), {
    marker: join(cache, 'meta', `${sha}.json`),
    index: join(cache, 'meta', `${sha}.index`),
    repo: join(cache, 'repo.git'),
  });
}

describe('a revision that is complete but not live', () => {
  it.each([...tamperings, ...flips])('[B21] [I4] $name: a rollback repairs or refuses it', async (tampering) => {
    const { site, live, previous } = await preparedSite();
    const wanted = hashTree(revisionOf(site, previous));
    tamper(site, previous, tampering);
    const other = hashTree(revisionOf(site, live));
    const rolledBack = await site.scap(['rollback']);
    const served = servedTree(site, 'web1');
    const story = `exit ${rolledBack.status}\n${rolledBack.stdout}\n${rolledBack.stderr}`;
    expect([0, 5], story).toContain(rolledBack.status);
    expect(served, story).toBe(rolledBack.status === 0 ? wanted : other);
    expect(story).not.toMatch(/Internal error/);
    await site.settle();
    expect(hashTree(revisionOf(site, live)), 'the other revision is left alone').toBe(other);
    // Whatever it was, one more push puts everything right.
    const third = stageNext(site);
    const pushed = await site.scap(['push']);
    expect(pushed.status, `${story}\nthe next push: ${pushed.stdout}\n${pushed.stderr}`).toBe(0);
    await site.settle();
    expect(servedTree(site, 'web1'), story).toBe(third);
    shared = site;
  });

  it.each(tamperings.filter((_, at) => at % 2 === 0))(
    '[B21] [I4] $name: the push that promotes it at last repairs or refuses it',
    async (tampering) => {
      const { site, live } = await preparedSite();
      // Fetched everywhere, promoted nowhere: web2 fails.
      const wanted = stageNext(site);
      const known = readdirSync(join(site.cache('web1'), 'meta'));
      const fault = { role: 'agent', host: 'web2', action: 'fail', code: 'EIO', op: 'renameSync', match: '/live$' };
      const failed = await site.scap(['push'], { fault });
      expect(failed.status, `${failed.stdout}\n${failed.stderr}`).toBe(5);
      await site.settle();
      const marked = readdirSync(join(site.cache('web1'), 'meta')).filter(
        (name) => name.endsWith('.json') && !known.includes(name),
      );
      const fetched = (marked[0] as string).slice(0, 40);
      expect(site.liveSha('web1')).toBe(live);
      tamper(site, fetched, tampering);
      const before = hashTree(revisionOf(site, live));
      const pushed = await site.scap(['push']);
      const story = `exit ${pushed.status}\n${pushed.stdout}\n${pushed.stderr}`;
      expect(pushed.status, story).toBe(0);
      expect(hashTree(revisionOf(site, live)), 'the revision it replaces is left alone').toBe(before);
      await site.settle();
      expect(servedTree(site, 'web1'), story).toBe(wanted);
      shared = site;
    },
  );
});

describe('the live revision', () => {
  it.each(tamperings)('[B21] [B28] $name: verify tells, and verify --repair mends it in place', async (tampering) => {
    const { site, live, tree, previous } = await preparedSite();
    tamper(site, live, tampering);
    const other = hashTree(revisionOf(site, previous));
    for (const args of tampering.visible ? [['verify'], ['verify', '--deep']] : []) {
      const verified = await site.scap([...args, '--json']);
      expect(verified.status, `${args.join(' ')}\n${verified.stdout}`).toBe(1);
      const { hosts } = JSON.parse(verified.stdout) as { hosts: { host: string; drift: unknown[]; error: unknown }[] };
      const isFound = ({ drift, error }: { drift: unknown[]; error: unknown }) => drift.length > 0 || error !== null;
      expect(hosts.map((found) => `${found.host} ${isFound(found)}`)).toEqual(['web1 true', 'web2 false']);
    }
    // A repository that is gone says nothing of the files: the next push with work to do brings a new one.
    const wanted = tampering.visible ? tree : stageNext(site);
    const pushed = await site.scap(tampering.visible ? ['verify', '--repair'] : ['push']);
    expect(pushed.status, `${pushed.stdout}\n${pushed.stderr}`).toBe(0);
    await site.settle();
    expect(servedTree(site, 'web1'), `${pushed.stdout}\n${pushed.stderr}`).toBe(wanted);
    expect(lstatSync(site.live('web1')).isSymbolicLink()).toBe(true);
    expect(hashTree(revisionOf(site, previous)), 'the other revision is left alone').toBe(other);
    expect((await site.scap(['verify'])).status).toBe(0);
    shared = site;
  });

  it.each([
    ['deletes another name of it', undefined],
    ['throws a spare away that it cannot make', 'repo.git'],
  ])('[B21] [I7] an edit of a shared file stays detectable when scap itself %s', async (_what, lost) => {
    const site = new Site({ hosts: ['web1'], keepRevisions: 4 });
    const trees = new Map<string, string>();
    const pushNext = async (story: string) => {
      const wanted = stageNext(site);
      await site.ok(['push']);
      await site.settle();
      trees.set(site.liveSha('web1'), wanted);
      expect(servedTree(site, 'web1'), story).toBe(wanted);
    };
    for (let i = 0; i < 6; i++) await pushNext('before the edit');
    const path = join(site.live('web1'), 'same/one.txt');
    const { atime, mtime } = statSync(path);
    overwrite(path, 'ALWAYS');
    utimesSync(path, atime, mtime);
    // Spares and pruned revisions that share the file go: its ctime moves once more, by scap's doing. What is promoted must be true all the same.
    for (let round = 0; round < 5; round++) {
      if (lost) rmSync(join(site.cache('web1'), lost), { recursive: true });
      if (lost) await pushNext(`push ${round} without ${lost}`);
      await site.ok(['rollback']);
      await site.settle();
      expect(servedTree(site, 'web1'), `rollback ${round}`).toBe(trees.get(site.liveSha('web1')));
      await pushNext(`push ${round} after the edit`);
    }
  });

  it('[B27] [I7] an edit through one name of a shared file is found in every revision that has it, and repaired in each alone', async () => {
    const site = new Site({ hosts: ['web1', 'web2'] });
    const trees: string[] = [];
    for (let i = 0; i < 2; i++) {
      trees.push(stageNext(site));
      await site.ok(['push']);
      await site.settle();
    }
    const marked = readdirSync(join(site.cache('web1'), 'revs'));
    const [first, second] = marked.map((sha) => join(revisionOf(site, sha), 'same/one.txt')) as [string, string];
    overwrite(first, 'ALWAYS');
    expect(readFileSync(second, 'utf8'), 'shared').toContain('ALWAYS');
    expect((await site.scap(['verify'])).status).toBe(1);
    await site.ok(['verify', '--repair']);
    expect(servedTree(site, 'web1')).toBe(trees[1]);
    await site.ok(['rollback']);
    expect(servedTree(site, 'web1')).toBe(trees[0]);
  });

  it('[B21] [B27] [I7] an edit with size and time put back is found also when it is made while the spare is', async () => {
    const site = new Site({ hosts: ['web1'] });
    for (let i = 0; i < 4; i++) {
      stageNext(site);
      await site.ok(['push']);
      await site.settle();
    }
    stageNext(site);
    const mark = join(site.dir, 'spare-made');
    const fault = { role: 'agent', action: 'delay', ms: 2000, op: 'renameSync', match: 'work/spare/index', mark };
    await site.ok(['push'], { fault });
    await eventually(() => existsSync(mark));
    const path = join(site.live('web1'), 'same/one.txt');
    const { atime, mtime } = statSync(path);
    overwrite(path, 'ALWAYS');
    utimesSync(path, atime, mtime);
    await site.settle();
    const wanted = stageNext(site);
    await site.ok(['push']);
    expect(servedTree(site, 'web1')).toBe(wanted);
  });
});
