// One target in a temporary directory, worked on in this process: what an agent does, without the agent.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Sha } from '../../src/core/sha.ts';
import { createBundleStore } from '../../src/deploy/bundle-store.ts';
import { createTargetLayout, type TargetLayout } from '../../src/target/layout.ts';
import { createTargetSession, type TargetSession } from '../../src/target/session.ts';
import { stockStages } from '../../src/target/stages/registry.ts';
import type { StagingWorld } from './staging-world.ts';
import { readTree } from './tree-builder.ts';

export interface TargetWorld {
  readonly layout: TargetLayout;
  /** Brings a revision there, from nothing or on top of one it has, serves it, and tidies up; returns its directory. */
  deploy(revision: Sha, base: Sha | undefined): Promise<string>;
  /** Asks for drift, hashing every byte. */
  verify(revision: Sha): Promise<unknown>;
  /** How the last revision was made. */
  strategy(): unknown;
}

export function createTargetWorld(directory: string, world: StagingWorld): TargetWorld {
  const layout = createTargetLayout(join(directory, 'cache'), join(directory, 'live'));
  let fence = 0;
  let strategy: unknown;
  const call = (session: TargetSession, verb: string, params: Record<string, unknown>) =>
    session.call(verb, { params, signal: new AbortController().signal, notify: () => {} });

  const send = async (session: TargetSession, revision: Sha, base: Sha | undefined) => {
    const store = createBundleStore(world.repository, world.layout.work, world.bus);
    const { sha256, open } = await store.bundle(revision, base);
    const receiver = session.receive('receive', { sha256 });
    const bytes = open();
    if (Buffer.isBuffer(bytes)) receiver.push(bytes);
    else for await (const piece of bytes) receiver.push(piece as Buffer);
    receiver.finish();
    return sha256;
  };

  return {
    layout,
    strategy: () => strategy,
    deploy: async (revision, base) => {
      const session = createTargetSession(layout, stockStages());
      try {
        const run = { fence: ++fence, revision };
        await call(session, 'begin', run);
        const bundle = await send(session, revision, base);
        strategy = ((await call(session, 'stage', { ...run, stage: 'fetch', bundle })) as { result: unknown }).result;
        await call(session, 'stage', { ...run, stage: 'promote' });
        await call(session, 'stage', { ...run, stage: 'finalize', keep: 10, graceMs: 0 });
      } finally {
        await session.end();
      }
      return layout.revision(revision);
    },
    verify: (revision) => call(createTargetSession(layout, stockStages()), 'verify', { revision, deep: true }),
  };
}

/** The modification time of everything but directories below `root`, in nanoseconds. */
export function readTimes(root: string): Record<string, string> {
  const times: Record<string, string> = {};
  for (const [path, node] of Object.entries(readTree(root))) {
    if (node.type === 'directory') continue;
    times[path] = `${lstatSync(Buffer.from(`${root}/${path}`, 'latin1'), { bigint: true }).mtimeNs}`;
  }
  return times;
}
