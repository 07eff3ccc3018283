import { relative } from 'node:path';
import { fleetStatus, startFleet, stopFleet } from './fleet.mjs';
import { FleetError } from './fleet-error.mjs';
import { parseArguments, usage } from './parse-arguments.mjs';

/**
 * @typedef {import('./parse-arguments.mjs').Request} Request
 */

/** @param {Request} request @returns {Promise<number>} exit status */
async function run(request) {
  if (request.command === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  if (request.command === 'up') return bringUp(request.options);
  if (request.command === 'status') return showStatus(request.directory);
  await stopFleet(request.directory, { keep: request.keep });
  process.stdout.write(request.keep ? `Stopped; the files in ${request.directory} stay\n` : 'Stopped and removed\n');
  return 0;
}

/** @param {import('./fleet.mjs').FleetOptions} options */
async function bringUp(options) {
  const { hosts, mode, rate, config } = await startFleet(options);
  const [first, last] = [hosts[0], hosts.at(-1)];
  const path = shorten(config);
  process.stdout.write(
    `${hosts.length} ${hosts.length === 1 ? 'host is' : 'hosts are'} up: ${first?.address} to ${last?.address}, port ${first?.port}, ` +
      `${mode}${rate === undefined ? '' : `, ${rate}`}\n` +
      `Configuration: ${path}\n` +
      `Next: bin/scap push --config ${path}\n`,
  );
  return 0;
}

/** @param {string} directory @returns {Promise<number>} 1 when a host is not up */
async function showStatus(directory) {
  const { hosts } = await fleetStatus(directory);
  const rows = hosts.map(({ name, address, port, rack, pid, state }) => [
    name,
    `${address}:${port}`,
    rack,
    pid === undefined ? '-' : String(pid),
    state,
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    process.stdout.write(`${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`);
  }
  return hosts.every(({ state }) => state === 'up') ? 0 : 1;
}

/** @param {string} path as typed from here, when that is below here */
function shorten(path) {
  const way = relative(process.cwd(), path);
  return way.startsWith('..') ? path : way;
}

try {
  process.exitCode = await run(parseArguments(process.argv.slice(2)));
} catch (error) {
  const isExpected = error instanceof FleetError;
  const said = isExpected ? `${error.message}\n  hint: ${error.hint}` : error instanceof Error ? error.stack : error;
  process.stderr.write(`fleet: ${said}\n`);
  process.exitCode = isExpected ? error.status : 70;
}
