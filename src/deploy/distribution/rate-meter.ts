/** Measures how fast a copy is, over windows of a second that begin after its first bytes: a copy that has only begun says nothing. */
export interface RateMeter {
  /** Bytes per second, once there was time to measure them. `offset` is what the copy has come to, `now` in milliseconds. */
  note(offset: number, now: number): number | undefined;
}

const windowMs = 1000;

export function createRateMeter(): RateMeter {
  let window: { readonly offset: number; readonly at: number } | undefined;
  let rate: number | undefined;
  return {
    note: (offset, now) => {
      window ??= { offset, at: now };
      const passedMs = now - window.at;
      if (passedMs >= windowMs) {
        rate = ((offset - window.offset) / passedMs) * 1000;
        window = { offset, at: now };
      }
      return rate;
    },
  };
}
