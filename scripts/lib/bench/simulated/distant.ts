import { Transform } from 'node:stream';

/** A stretch of network: passes bytes on, in order, each `delayMs` after it came. */
export function createDistance(delayMs: number): Transform {
  let under = 0;
  let arrived = () => {};
  return new Transform({
    transform(chunk, _encoding, taken) {
      under++;
      setTimeout(() => {
        this.push(chunk);
        if (--under === 0) arrived();
      }, delayMs);
      taken();
    },
    flush(done) {
      if (under === 0) done();
      else arrived = done;
    },
  });
}
