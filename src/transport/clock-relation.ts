/** How far the clock of another machine is ahead of ours. */
export interface ClockOffset {
  /** What to add to a time of ours to have it by the other clock, in milliseconds; `undefined` before the first exchange. */
  readonly offsetMs: number | undefined;
  /** How far off that may be in all, in milliseconds. */
  readonly slackMs: number;
}

/**
 * Learns the offset without trusting either clock: every exchange bounds it, and the bounds of all of them
 * together are narrow. Times are milliseconds since 1970, with fractions, of clocks that do not jump while their processes live.
 */
export class ClockRelation implements ClockOffset {
  #least = Number.NEGATIVE_INFINITY;
  #most = Number.POSITIVE_INFINITY;

  /** A request went out at `sentAt` by our clock, the answer was written at `at` by the other and came in at `receivedAt` by ours. */
  note({
    sentAt,
    at,
    receivedAt,
  }: {
    readonly sentAt: number;
    readonly at: number;
    readonly receivedAt: number;
  }): void {
    if (!Number.isFinite(at)) return;
    this.#least = Math.max(this.#least, at - receivedAt);
    this.#most = Math.min(this.#most, at - sentAt);
    // The clocks have drifted apart since: what was just seen is what counts.
    if (this.#least > this.#most) {
      this.#least = at - receivedAt;
      this.#most = at - sentAt;
    }
  }

  get slackMs(): number {
    return this.#most - this.#least;
  }

  get offsetMs(): number | undefined {
    const middle = (this.#least + this.#most) / 2;
    return Number.isFinite(middle) ? middle : undefined;
  }
}

/** Milliseconds since 1970, with fractions; never goes back while the process lives. */
export function timeNow(): number {
  return performance.timeOrigin + performance.now();
}
