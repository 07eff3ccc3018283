// fleet.json says that a fleet is up, or half up, and what belongs to it. It is there before anything else is.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { FleetError } from './fleet-error.mjs';

/**
 * @typedef {object} FleetRecord
 * @property {'plain' | 'namespaces'} mode
 * @property {string} tag see `fleetTag`
 * @property {string} [rate]
 * @property {string} user
 * @property {import('./lay-out.mjs').HostPlan[]} hosts
 */

const fileName = 'fleet.json';
/** Left by `down --keep`; lets the next `up` use the directory again. */
export const keptName = 'fleet.kept.json';

/**
 * @param {string} directory
 * @param {FleetRecord} record
 * @throws {FleetError} when there is a fleet in the directory
 */
export function claimDirectory(directory, record) {
  const temporary = `${directory}/${fileName}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(record, undefined, 2)}\n`);
  try {
    linkSync(temporary, `${directory}/${fileName}`);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    throw new FleetError(
      `Cannot start a fleet in "${directory}": there is one already`,
      `Stop it with: scripts/fleet down --directory ${directory}`,
    );
  } finally {
    rmSync(temporary, { force: true });
  }
  rmSync(`${directory}/${keptName}`, { force: true });
}

/**
 * @param {string} directory
 * @returns {FleetRecord | undefined} `undefined` when no fleet is up there
 */
export function readRecord(directory) {
  try {
    return JSON.parse(readFileSync(`${directory}/${fileName}`, 'utf8'));
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** @param {string} directory */
export function dismissRecord(directory) {
  renameSync(`${directory}/${fileName}`, `${directory}/${keptName}`);
}

/**
 * Tells whether a fleet may start among these files: none, or those a fleet left.
 *
 * @param {readonly string[]} names
 */
export function isFleetDirectory(names) {
  return names.length === 0 || names.includes(keptName) || names.includes(fileName);
}
