import { parseArgs } from 'node:util';
import { FleetError } from './fleet-error.mjs';

export const usage = `Usage:
  scripts/fleet up --hosts N [--rate 100mbit] [--deploy-rate RATE] [--racks R] [--mode plain|namespaces] [--directory DIR]
  scripts/fleet status [--directory DIR]
  scripts/fleet down [--keep] [--directory DIR]

Throw-away SSH hosts on this machine. As root each has a network namespace and a /srv of its own; otherwise they are
servers on 127.0.0.x. DIR is .scap/fleet unless given.
`;

const defaultDirectory = '.scap/fleet';
const exampleOf = new Map([
  ['up', 'scripts/fleet up --hosts 16'],
  ['status', 'scripts/fleet status'],
  ['down', 'scripts/fleet down'],
]);

/**
 * @typedef {{ command: 'help' }
 *   | { command: 'status', directory: string }
 *   | { command: 'down', directory: string, keep: boolean }
 *   | { command: 'up', options: import('./fleet.mjs').FleetOptions }} Request
 */

/**
 * @param {readonly string[]} words
 * @returns {Request}
 * @throws {FleetError} with status 2
 */
export function parseArguments(words) {
  const [command = '', ...rest] = words;
  if (['', 'help', '--help', '-h'].includes(command)) return { command: 'help' };
  const example = exampleOf.get(command);
  if (example === undefined) throw misuse(`There is no command "${command}"`, 'See: scripts/fleet --help');
  const values = parseOptions(command, rest, example);
  const { directory = defaultDirectory, mode } = values;
  if (values.help) return { command: 'help' };
  if (command === 'down') return { command, directory, keep: values.keep ?? false };
  if (command === 'status') return { command, directory };
  if (mode !== undefined && mode !== 'plain' && mode !== 'namespaces') {
    throw misuse(`There is no mode "${mode}"`, 'Use --mode plain or --mode namespaces');
  }
  if (values.hosts === undefined) throw misuse('How many hosts is not said', `Say it: ${example}`);
  /** @type {import('./fleet.mjs').FleetOptions} */
  const options = {
    directory,
    hosts: parseCount('--hosts', values.hosts),
    ...(mode === undefined ? {} : { mode }),
    ...(values.rate === undefined ? {} : { rate: values.rate }),
    ...(values['deploy-rate'] === undefined ? {} : { deployRate: values['deploy-rate'] }),
    ...(values.racks === undefined ? {} : { racks: parseCount('--racks', values.racks) }),
  };
  return { command: 'up', options };
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} example
 * @returns {{ directory?: string, hosts?: string, mode?: string, racks?: string, rate?: string, 'deploy-rate'?: string, keep?: boolean, help?: boolean }}
 */
function parseOptions(command, args, example) {
  const text = /** @type {const} */ ({ type: 'string' });
  const flag = /** @type {const} */ ({ type: 'boolean' });
  try {
    const options = { directory: text, help: flag };
    if (command === 'down') return parseArgs({ args, options: { ...options, keep: flag } }).values;
    if (command === 'status') return parseArgs({ args, options }).values;
    const upOptions = { ...options, hosts: text, mode: text, racks: text, rate: text, 'deploy-rate': text };
    return parseArgs({ args, options: upOptions }).values;
  } catch (error) {
    const said = error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error);
    throw misuse(said, `Write for example: ${example}`);
  }
}

/** @param {string} option @param {string} text */
function parseCount(option, text) {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw misuse(`Cannot use "${text}" for ${option}`, `Write a whole number: ${option} 4`);
}

/** @param {string} message @param {string} hint */
function misuse(message, hint) {
  return new FleetError(message, hint, 2);
}
