import { FleetError } from './fleet-error.mjs';

const bitsPerUnit = new Map([
  ['kbit', 1e3],
  ['mbit', 1e6],
  ['gbit', 1e9],
]);
const minBitsPerSecond = 64e3;
const maxBitsPerSecond = 32e9;
const minBurstBytes = 64 * 1024;
/** A token bucket is refilled on timer ticks, at least a hundred per second. */
const burstSeconds = 0.01;
const queueTime = '50ms';

/**
 * Parses `100mbit`, `2.5gbit`, `512kbit` to bits per second.
 *
 * @param {string} text
 * @throws {FleetError} for anything else, and outside of 64kbit to 32gbit
 */
export function parseRate(text) {
  const match = /^(\d+(?:\.\d+)?)(kbit|mbit|gbit)$/.exec(text);
  const bits = Math.round(Number(match?.[1]) * (bitsPerUnit.get(match?.[2] ?? '') ?? Number.NaN));
  if (bits >= minBitsPerSecond && bits <= maxBitsPerSecond) return bits;
  throw new FleetError(`Cannot use "${text}" as a rate`, 'Write a rate from 64kbit to 32gbit, such as 100mbit', 2);
}

/**
 * Words for `tc qdisc add dev LINK`: a token bucket with a queue of 50 ms.
 *
 * @param {string} rate
 */
export function shapingArgv(rate) {
  const bits = parseRate(rate);
  const burst = Math.max(minBurstBytes, Math.ceil((bits / 8) * burstSeconds));
  return ['root', 'tbf', 'rate', `${bits}bit`, 'burst', `${burst}b`, 'latency', queueTime];
}
