/**
 * How far the clock of another machine is ahead of ours, without trusting either: every exchange bounds it, and the bounds of all of them
 * together are narrow. Times are milliseconds since 1970, with fractions, of clocks that do not jump while their processes live.
 */
export class ClockRelation {
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

  /** What to add to a time of ours to have it by the other clock; `undefined` before the first exchange. */
  get offsetMs(): number | undefined {
    const middle = (this.#least + this.#most) / 2;
    return Number.isFinite(middle) ? middle : undefined;
  }
}

/** Milliseconds since 1970, with fractions; never goes back while the process lives. */
export function timeNow(): number {
  return performance.timeOrigin + performance.now();
}
