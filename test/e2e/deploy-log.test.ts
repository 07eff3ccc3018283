import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, createOperator, type Operator, scapProgram, until } from '../support/operator.ts';

const preload = new URL('../faults/support/crash-preload.mjs', import.meta.url).href;

/** Starts scap and lets it run; what it has printed so far can be looked at. */
function start(me: Operator, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = execa(scapProgram, args, {
    cwd: me.cwd,
    env: { ...cleanEnvironment(), ...env },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    // Whatever a test comes to, nothing outlives it.
    timeout: 50_000,
    killSignal: 'SIGKILL',
    stripFinalNewline: false,
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (bytes: Buffer) => (printed.stdout += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (printed.stderr += bytes.toString()));
  return { child, printed };
}

/** Starts a push that stands still while web1 is promoted, until `goOn` is called. */
async function startPushThatStops(me: Operator) {
  const mark = me.path('reached');
  const query = new URLSearchParams({
    role: 'agent',
    host: 'web1',
    op: 'symlinkSync',
    match: 'live',
    action: 'stop',
    mark,
  });
  const { child } = start(me, ['push', 'staging', '-m', 'slow'], { NODE_OPTIONS: `--import=${preload}?${query}` });
  await until(() => existsSync(mark) && /^\d+ /.test(readFileSync(mark, 'utf8')), 'the promotion of web1');
  const agent = Number.parseInt(readFileSync(mark, 'utf8'), 10);
  return { push: child, goOn: () => process.kill(agent, 'SIGCONT') };
}

function logPath(me: Operator, n: number): string {
  const logs = me.path('.scap/logs');
  return join(logs, readdirSync(logs).find((name) => name.startsWith(`${n}-`)) ?? '');
}

const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('scap deploy-log of a run that has ended', () => {
  it('[B51] tells the newest run, or the one asked for, one event a line', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging', '-m', 'first');
    me.stage({ 'index.php': 'two' });
    await me.expectStatus(0, 'push', 'staging', '-m', 'second');
    const { stdout, stderr } = await me.expectStatus(0, 'deploy-log');
    expect(stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}Run 2: push of revision [0-9a-f]{12} to 3 hosts, .*"second"$/m,
    );
    expect(stdout).toMatch(/ {2}web2: promote ok in /);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/Run 2 ended after .*: ok \(3 promoted\)$/);
    expect(stderr).toBe('');
    const first = await me.expectStatus(0, 'deploy-log', '--run', '1', '--follow');
    expect(first.stdout).toContain('"first"');
    expect(first.stdout).not.toContain('"second"');
  });

  it('[B45] filters, for people and for machines', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    const words = ['deploy-log', 'host=web[12]', 'type=task.finished'];
    expect((await me.expectStatus(0, ...words)).stderr).toBe('No event of run 1 matches\n');
    const { stdout } = await me.expectStatus(0, 'deploy-log', 'host~web[12]', 'type=task.finished stage=promote');
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .sort()
        .map((line) => line.slice(21).replace(/ in .*/, '')),
    ).toEqual(['web1: promote ok', 'web2: promote ok'].sort());
    for (const option of ['--json', '--events']) {
      const answer = await me.expectStatus(0, 'deploy-log', 'host=web1 data.files>=1', option);
      const log = readFileSync(logPath(me, 1), 'utf8').split('\n');
      expect(jsonLines(answer.stdout)).toMatchObject([{ level: 'info', type: 'task.finished', host: 'web1' }]);
      expect(log).toContain(answer.stdout.trimEnd());
    }
  });

  it('[B45] passes over noise and lines that were cut short, and counts them when asked', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    const before = await me.expectStatus(0, 'deploy-log');
    appendFileSync(logPath(me, 1), 'Segmentation fault\nnull\n{"type":"run.started","at":1}\n{"type":"host.no\xff\xfe');
    const after = await me.expectStatus(0, 'deploy-log');
    expect(after).toEqual(before);
    const verbose = await me.expectStatus(0, 'deploy-log', '--verbose', '--json');
    expect(verbose.stderr).toBe('3 lines of the log could not be read and left out\n');
    expect(jsonLines(verbose.stdout).at(-1)).toEqual({ type: 'run.started', at: 1 });
  });

  it('[B45] says what is wrong with an expression and shows where, exit 2; the same for a run that is not there', async () => {
    const me = createOperator();
    const bad = await me.expectStatus(2, 'deploy-log', 'host=web1', 'error~(');
    expect(bad.stdout).toBe('');
    const [first, shown, mark, hint] = bad.stderr.split('\n');
    expect(first).toBe('error: Cannot read the filter: "(" is no regular expression: unterminated group');
    expect([shown?.trim(), shown?.indexOf('(')]).toEqual(['host=web1 error~(', mark?.indexOf('^')]);
    expect(hint).toContain('hint: Write terms such as');
    expect((await me.expectStatus(2, 'deploy-log')).stderr).toContain('no run has written one yet');
    expect(existsSync(me.path('.scap'))).toBe(false);
    await me.expectStatus(0, 'push', 'staging');
    const slip = await me.expectStatus(2, 'deploy-log', 'hosst=web1');
    expect(slip.stderr).toContain('no event has a field "hosst"');
    expect(slip.stdout).toBe('');
    const missing = await me.expectStatus(2, 'deploy-log', '--run', '7', '--json');
    expect(missing.stderr).toContain('Cannot show the log of run 7');
    expect(missing.stdout).toBe('');
  });
});

describe('scap deploy-log --follow', () => {
  it('[B51] attaches to a run under way and ends with it; it has told all of it', async () => {
    const me = createOperator();
    const { push, goOn } = await startPushThatStops(me);
    const followers = [start(me, ['deploy-log', '--follow']), start(me, ['deploy-log', '-f', '--json', 'host=web1'])];
    await until(
      () => followers.every(({ printed }) => /promote started|"promote@web1"/.test(printed.stdout)),
      'the followers to attach',
    );
    const unfinished = await me.expectStatus(0, 'deploy-log');
    expect(unfinished.stderr).toBe('Run 1 is still under way; go on reading with: scap deploy-log --follow\n');
    expect(unfinished.stdout).not.toContain('Run 1 ended');
    goOn();
    expect((await push).exitCode).toBe(0);
    const [text, json] = await Promise.all(followers.map(({ child }) => child));
    expect([text?.exitCode, json?.exitCode]).toEqual([0, 0]);
    expect(text?.stderr).toBe('');
    expect(text?.stdout).toContain('Run 1 ended');
    expect(text?.stdout).toBe((await me.expectStatus(0, 'deploy-log')).stdout);
    expect(json?.stdout).toBe((await me.expectStatus(0, 'deploy-log', '--json', 'host=web1')).stdout);
  });

  it('[B51] says that a run was killed and ends; the next push does not revive it', async () => {
    const me = createOperator();
    const { push, goOn } = await startPushThatStops(me);
    const { child, printed } = start(me, ['deploy-log', '--follow']);
    await until(() => printed.stdout.includes('web1: promote started'), 'the follower to attach');
    process.kill(push.pid ?? 0, 'SIGKILL');
    const ended = await child;
    goOn();
    await push;
    const killed = 'Run 1 was killed: its log has no end, and its process is gone\n';
    expect([ended.exitCode, ended.stderr]).toEqual([0, killed]);
    await me.expectStatus(0, 'push', 'staging');
    const later = await me.expectStatus(0, 'deploy-log', '--run', '1', '--follow');
    expect(later.stderr).toBe(killed);
    expect(later.stdout).toBe(ended.stdout);
  });

  it('[B51] waits for the next run when none is under way', async () => {
    const me = createOperator();
    const { child, printed } = start(me, ['deploy-log', '--follow', 'type=run.*']);
    await until(() => printed.stderr !== '', 'the follower to wait');
    await me.expectStatus(0, 'push', 'staging');
    const ended = await child;
    expect([ended.exitCode, ended.stderr]).toEqual([0, 'No run is under way: waiting for the next one to start\n']);
    expect(
      ended.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(21, 31)),
    ).toEqual(['Run 1: pus', 'Run 1 ende']);
  });

  it('ends with 130 when it is interrupted, and the run goes on', async () => {
    const me = createOperator();
    const { push, goOn } = await startPushThatStops(me);
    const { child, printed } = start(me, ['deploy-log', '--follow']);
    await until(() => printed.stdout.includes('web1: promote started'), 'the follower to attach');
    child.kill('SIGINT');
    const ended = await child;
    expect([ended.exitCode, ended.stderr]).toEqual([130, '']);
    goOn();
    expect((await push).exitCode).toBe(0);
  });
});
