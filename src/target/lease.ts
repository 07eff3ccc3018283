/**
 * How an agent notices that its deploy host is gone although nobody closed the connection: a host that lost its power or its network sends
 * no end of file, and TCP alone takes hours to find out.
 */

/** A longer time does not fit a timer. */
const longestTimerMs = 2 ** 31 - 1;
/** What arrived while this process was busy or stopped is still unread when the timer is due; so much longer it may be read. */
const graceMs = 1000;

export interface Lease {
  /** The deploy host promised to be heard again within so many milliseconds. Before the first promise nothing is expected of it. */
  promise(leaseMs: number): void;
  /** Something came from the deploy host. */
  heard(): void;
  end(): void;
}

/** Calls `onLost` once when the deploy host has not kept its promise. */
export function createLease(onLost: () => void): Lease {
  let leaseMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    clearTimeout(timer);
    if (leaseMs === undefined) return;
    const grace = Math.min(graceMs, leaseMs);
    timer = setTimeout(() => {
      timer = setTimeout(onLost, grace);
    }, leaseMs);
  };
  return {
    promise: (ms) => {
      leaseMs = Math.min(ms, longestTimerMs);
      arm();
    },
    heard: arm,
    end: () => {
      leaseMs = undefined;
      clearTimeout(timer);
    },
  };
}
