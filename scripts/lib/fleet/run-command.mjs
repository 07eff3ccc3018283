import { spawn } from 'node:child_process';
import { FleetError } from './fleet-error.mjs';

const patienceMs = 30_000;

/**
 * Runs a program to its end and returns what it wrote. Programs of the administrator are found although they are not in
 * everybody's PATH.
 *
 * @param {readonly [string, ...string[]]} argv
 * @param {{ input?: string }} [options]
 * @returns {Promise<string>}
 * @throws {FleetError} when it cannot be started, fails, or takes longer than 30 s; with its last lines
 */
export function runCommand(argv, { input = '' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), {
      env: { ...process.env, PATH: searchPath(), LC_ALL: 'C' },
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error) => {
      reject(new FleetError(`Cannot run "${argv[0]}": ${error.message}`, 'Run: scripts/setup'));
    });
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const ended = code === null ? `ended by ${signal}` : `exit status ${code}`;
      const said = (stderr || stdout).trim().split('\n').slice(-4).join('; ');
      reject(new FleetError(`Cannot finish "${argv.join(' ')}": ${ended}: ${said}`, 'See what it says'));
    });
    // A program that does not read its input is no failure.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** PATH with the directories of the administrator's programs. */
export function searchPath() {
  return `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
}

/**
 * Calls `work` for each item, at most `limit` at once, and returns the results in order. After a failure nothing new starts.
 *
 * @template T, R
 * @param {readonly T[]} items
 * @param {number} limit
 * @param {(item: T) => Promise<R>} work
 * @returns {Promise<R[]>}
 */
export async function mapLimited(items, limit, work) {
  /** @type {R[]} */
  const results = [];
  const queue = items.entries();
  let failed = false;
  const workers = Array.from({ length: limit }, async () => {
    for (const [at, item] of queue) {
      if (failed) return;
      try {
        results[at] = await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  });
  const settled = await Promise.allSettled(workers);
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
  return results;
}
