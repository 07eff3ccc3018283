import { median } from '../statistics.ts';

/** Times of one that has seen many pushes and of one that has seen few, taken turn by turn. */
export interface AgedAndNew {
  readonly aged: readonly number[];
  readonly fresh: readonly number[];
}

/** What is pushed to: something with a time. */
export interface Pushable {
  push(): Promise<{ readonly seconds: number }>;
}

export interface TurnsOptions {
  /** Pushes before the turns, so that the new one keeps as much as the other, where that is bounded. */
  readonly warmUps: number;
  readonly turns: number;
  /** Makes the next change. */
  readonly change: () => void;
}

/** Pushes each change to both, in turns: what else the machine does meanwhile slows both down alike. */
export async function compareWithNew(aged: Pushable, fresh: Pushable, options: TurnsOptions): Promise<AgedAndNew> {
  await fresh.push();
  for (let n = 0; n < options.warmUps; n++) {
    options.change();
    await fresh.push();
  }
  const seconds = { aged: [] as number[], fresh: [] as number[] };
  for (let n = 0; n < options.turns; n++) {
    options.change();
    const order = n % 2 === 0 ? (['aged', 'fresh'] as const) : (['fresh', 'aged'] as const);
    for (const who of order) seconds[who].push((await { aged, fresh }[who].push()).seconds);
  }
  return seconds;
}

/** How many times as long the aged one takes, by the medians. */
export function agedRatio({ aged, fresh }: AgedAndNew): number {
  return median(aged) / median(fresh);
}
