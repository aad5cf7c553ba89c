/**
 * Time and chance. Everything below the edges takes them from here, so that the same code runs on real and on
 * simulated time. The real one is `src/node/node-runtime.ts`, the simulated one `src/sim/sim-runtime.ts`.
 */
export interface Runtime {
  /** All three clocks, read together. Costs microseconds: for what this process may believe in. */
  clocks(): ClockReading;
  /** `clocks().monotonicMs` alone, which is cheap: for everything else that measures time. */
  monotonicMs(): number;
  /** `clocks().wallMs` alone, as cheap: for what people and other machines are told. */
  wallMs(): number;
  /** Calls `fn` once, after at least `delayMs`; the function returned takes the call back (idempotent). */
  setTimer(delayMs: number, fn: () => void): () => void;
  /** `length` unpredictable bytes. */
  randomBytes(length: number): Uint8Array;
}

/** Milliseconds, each counted from an origin of its own. */
export interface ClockReading {
  /** Never steps, but stands still while the machine sleeps. */
  readonly monotonicMs: number;
  /** Counts sleep too, in coarse steps. */
  readonly bootMs: number;
  /** Wall clock: may be set, forward or back. */
  readonly wallMs: number;
}

/**
 * Milliseconds since `earlier`, judged by the clock that moved most. A wall clock set forward counts as time passed: to
 * believe that a lease is gone too early is safe, too late is not (Node #47724: the monotonic clock stops in suspend).
 */
export function elapsedMs(runtime: Runtime, earlier: ClockReading): number {
  const now = runtime.clocks();
  return Math.max(0, now.monotonicMs - earlier.monotonicMs, now.bootMs - earlier.bootMs, now.wallMs - earlier.wallMs);
}

/** Evenly from 0 to 1, in 255 steps: for pauses that are not to fall together. */
export function byChance(runtime: Runtime): number {
  return (runtime.randomBytes(1)[0] as number) / 255;
}

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 64 random bits as 16 lowercase hex digits. */
export function randomHex(runtime: Runtime): string {
  let text = '';
  for (const byte of runtime.randomBytes(8)) text += hexOf[byte];
  return text;
}

/** A positive int63, as etcd picks lease ids itself. */
export function randomInt63(runtime: Runtime): bigint {
  const id = BigInt(`0x${randomHex(runtime)}`) >> 1n;
  return id === 0n ? 1n : id;
}
