import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, createOperator, type Document, type Operator, scapProgram } from '../support/operator.ts';

const parseLines = (text: string): Document[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('stdout and stderr', () => {
  it('[I15] the result goes to stdout, the narration to stderr', async () => {
    const me = createOperator();
    const { stdout, stderr } = await me.expectStatus(0, 'push', 'staging');
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('Created revision');
    expect(stderr).not.toContain(stdout.trim());
    const json = await me.expectStatus(0, 'push', '--json');
    expect(() => JSON.parse(json.stdout)).not.toThrow();
    expect(json.stderr).toContain('Nothing new to capture');
  });

  it('[I15] an error goes to stderr; with --json also to stdout, as a document', async () => {
    const me = createOperator();
    const plain = await me.expectStatus(3, 'push', 'nowhere');
    expect(plain.stdout).toBe('');
    expect(plain.stderr).toMatch(
      /^error: Cannot read the staging tree ".*nowhere": there is no such directory\n {2}hint: Name it: scap push PATH/m,
    );
    expect(await me.json(3, 'push', 'nowhere')).toEqual({
      ok: false,
      status: 3,
      error: { code: 'staging_missing', message: expect.any(String), hint: expect.any(String) },
    });
  });

  it.each([[['push', '--nonsense']], [['push', 'a', 'b']], [['nonsense']], [['hold']]])(
    '[I15] [B50] a mistake in %j is a document too, with --json',
    async (args) => {
      const me = createOperator();
      const plain = await me.expectStatus(2, ...args);
      expect(plain).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^error: /) });
      const json = await me.expectStatus(2, ...args, '--json');
      const { error, ...rest } = JSON.parse(json.stdout) as { readonly error: { readonly message: string } };
      expect(rest).toEqual({ ok: false, status: 2 });
      expect(error).toMatchObject({ code: 'usage', message: expect.not.stringContaining('error:') });
      expect(json.stderr).toContain(error.message);
    },
  );

  it('[B46] has no colour and no cursor movement without a terminal', async () => {
    const me = createOperator();
    const { stdout, stderr } = await me.expectStatus(0, 'push', 'staging');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with it
    expect(stdout + stderr).not.toMatch(/\u001b|\r/);
  });
});

describe('--events', () => {
  it('[B45] prints one JSON line per event, in an order that makes sense', async () => {
    const me = createOperator();
    const { stdout } = await me.expectStatus(0, 'push', 'staging', '--events');
    const events = parseLines(stdout);
    const at = (type: string, task?: string) =>
      events.findIndex((event) => event.type === type && (task === undefined || event.task === task));
    for (const event of events)
      expect(event).toMatchObject({ type: expect.stringMatching(/^[a-z]+\.[a-z-]+$/), at: expect.any(Number) });
    const times = events.map((event) => event.at as number);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(at('revision.created')).toBeGreaterThan(at('staging.scanned'));
    expect(at('run.started')).toBeGreaterThan(at('revision.created'));
    for (const host of ['web1', 'web2', 'web3']) {
      expect(at('task.finished', `fetch@${host}`)).toBeGreaterThan(at('task.started', `fetch@${host}`));
      expect(at('task.started', `promote@${host}`)).toBeGreaterThan(
        Math.max(...['web1', 'web2', 'web3'].map((other) => at('task.finished', `fetch@${other}`))),
      );
    }
    expect(events.filter(({ type }) => type === 'host.finished')).toHaveLength(3);
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', n: 1, outcome: 'ok' });
  });

  it('[B45] are the lines of the run log, but for progress', async () => {
    const me = createOperator();
    const { stdout } = await me.expectStatus(0, 'push', 'staging', '--events');
    const printed = parseLines(stdout).filter(({ type }) => type !== 'task.progressed');
    const [name] = readdirSync(me.path('.scap/logs'));
    expect(name).toMatch(/^1-[0-9a-f]{12}\.jsonl$/);
    const logged = parseLines(readFileSync(me.path('.scap/logs', name as string), 'utf8'));
    expect(logged.map(({ level, ...event }) => event)).toEqual(printed);
    expect(new Set(logged.map(({ level }) => level))).toEqual(new Set(['info']));
  });
});

describe('a reader that leaves', () => {
  const run = (me: Operator, args: string[], stdout: 'pipe' | number) =>
    new Promise<{ status: number | null; stderr: string }>((resolve) => {
      const child = spawn(scapProgram, args, {
        cwd: me.cwd,
        env: cleanEnvironment(),
        stdio: ['ignore', stdout, 'pipe'],
      });
      let stderr = '';
      child.stderr?.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.stdout?.once('data', () => child.stdout?.destroy());
      child.on('close', (status) => resolve({ status, stderr }));
    });

  it.each([['--events'], ['--json']])('of %s neither crashes the run nor leaves it half-done', async (flag) => {
    const me = createOperator();
    const { status, stderr } = await run(me, ['push', 'staging', flag], 'pipe');
    expect(stderr).not.toContain('EPIPE');
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(status).toBe(0);
    expect(await me.json(0, 'status')).toMatchObject({ ok: true, lastDeploy: { n: 1, outcome: 'ok' } });
  });

  it('[B50] whose standard output is full sees the run through, and says that it was not told of it', async () => {
    const me = createOperator();
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = await run(me, ['push', 'staging', '--events'], full);
    closeSync(full);
    expect(status).toBe(1);
    expect(stderr).toContain('error: Cannot write the result to standard output: ENOSPC');
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(await me.json(0, 'status')).toMatchObject({ ok: true, lastDeploy: { outcome: 'ok' } });
  });
});
