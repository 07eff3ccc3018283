import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keepShippedAgent, sweepShippedAgents } from '../../../src/target/shipped-agents.ts';
import { temporaryDirectory } from '../../support/operator.ts';

const now = new Date('2026-01-10T00:00:00Z');
const longAgo = new Date('2026-01-08T23:00:00Z');
const lately = new Date('2026-01-09T01:00:00Z');
const agent = (digit: string) => `agent-${digit.repeat(64)}.mjs`;

function place(files: Readonly<Record<string, Date>>): string {
  const directory = temporaryDirectory('scap-unit-');
  for (const [name, time] of Object.entries(files)) {
    writeFileSync(join(directory, name), '');
    utimesSync(join(directory, name), time, time);
  }
  return directory;
}

describe('keepShippedAgent()', () => {
  it('notes that the file is in use', () => {
    const path = join(place({ [agent('a')]: longAgo }), agent('a'));
    keepShippedAgent(path, now);
    expect(statSync(path).mtime).toEqual(now);
  });

  it.each(['agent.mjs', 'scap.mjs', `agent-${'a'.repeat(63)}.mjs`])(
    'leaves %s alone, which was not shipped',
    (name) => {
      const path = join(place({ [name]: longAgo }), name);
      keepShippedAgent(path, now);
      expect(statSync(path).mtime).toEqual(longAgo);
    },
  );

  it('does not fail when the file is gone, or unknown', () => {
    keepShippedAgent(join(place({}), agent('a')), now);
    keepShippedAgent(undefined, now);
  });
});

describe('sweepShippedAgents()', () => {
  const files = {
    [agent('a')]: longAgo,
    [agent('b')]: longAgo,
    [agent('c')]: lately,
    [`${agent('d')}.part-1`]: longAgo,
    [`agent-${'e'.repeat(64)}.part`]: longAgo,
    [`${agent('f')}.part-2`]: lately,
    'notes.mjs': longAgo,
    'agent-notes.txt': longAgo,
  };

  it('removes agents and halves that nobody used for a day, never its own, and nothing else', () => {
    const directory = place(files);
    sweepShippedAgents(join(directory, agent('a')), now);
    expect(readdirSync(directory).sort()).toEqual(
      [agent('a'), agent('c'), `${agent('f')}.part-2`, 'agent-notes.txt', 'notes.mjs'].sort(),
    );
  });

  it('does nothing beside an agent that was not shipped', () => {
    const directory = place({ ...files, 'agent.mjs': longAgo });
    sweepShippedAgents(join(directory, 'agent.mjs'), now);
    expect(readdirSync(directory)).toHaveLength(Object.keys(files).length + 1);
  });

  it('goes on past what it cannot remove, and does not mind a directory that is gone', () => {
    const directory = place({ [agent('a')]: longAgo, [agent('c')]: longAgo });
    mkdirSync(join(directory, agent('b')));
    utimesSync(join(directory, agent('b')), longAgo, longAgo);
    sweepShippedAgents(join(directory, agent('a')), now);
    expect(readdirSync(directory).sort()).toEqual([agent('a'), agent('b')]);
    sweepShippedAgents(join(directory, 'gone', agent('a')), now);
  });
});
