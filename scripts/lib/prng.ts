/** Returns numbers in [0, 1), always the same series for the same start. */
export type Random = () => number;

/** Hashes text to 32 bits (FNV-1a over UTF-16 units): stable over machines and releases. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** Creates a mulberry32 generator whose series depends on all parts given. */
export function createRandom(...parts: readonly (string | number)[]): Random {
  let state = hashText(parts.join('\u0000'));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Draws an integer in [0, limit). */
export function drawBelow(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** Draws from about the standard normal distribution: a sum of 12 uniforms, exact on every machine. */
export function drawNormal(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

/** Draws one element of a list that is not empty. */
export function pick<T>(random: Random, list: readonly T[]): T {
  const value = list[drawBelow(random, list.length)];
  if (value === undefined) throw new Error('Cannot pick from an empty list');
  return value;
}
