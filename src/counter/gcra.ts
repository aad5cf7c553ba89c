/**
 * The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): one number, the theoretical arrival time of the
 * next call if all came at the rate; in nanoseconds.
 */
export interface Rate {
  /** Between two calls at the rate. */
  readonly intervalNs: bigint;
  /** How many may come at once after a rest. */
  readonly burst: bigint;
}

export interface Ruling {
  readonly allowed: boolean;
  /** The theoretical arrival time from now on. */
  readonly arrivalNs: bigint;
  /** How much more may come at once, now. */
  readonly remaining: bigint;
  /** After how long it would be allowed if nobody else came; 0n: it is. */
  readonly retryNs: bigint;
}

export function rule({ intervalNs, burst }: Rate, arrivalNs: bigint, nowNs: bigint, cost: bigint): Ruling {
  const from = arrivalNs > nowNs ? arrivalNs : nowNs;
  const horizon = nowNs + intervalNs * burst;
  const next = from + intervalNs * cost;
  const allowed = next <= horizon;
  const after = allowed ? next : from;
  const remaining = horizon > after ? (horizon - after) / intervalNs : 0n;
  return { allowed, arrivalNs: allowed ? next : arrivalNs, remaining, retryNs: allowed ? 0n : next - horizon };
}

/** The latest moment at which whoever wrote `arrivalNs` can have thought that it was: never later than this. */
export function clockOf({ intervalNs, burst }: Rate, arrivalNs: bigint): bigint {
  return arrivalNs - intervalNs * burst;
}
