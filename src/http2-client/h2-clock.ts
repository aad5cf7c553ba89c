/** Time for connections: real, or moved by a test. */
export interface H2Clock {
  monotonicMs(): number;
  /** Calls `fn` once; the function returned takes the call back. */
  setTimer(delayMs: number, fn: () => void): () => void;
}

/** Its timers keep no process alive: what is waited for is a socket, which does as long as there are calls. */
export const hostClock: H2Clock = {
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, fn) => {
    const timer = setTimeout(fn, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
