import type { LinkOptions } from './sim-link.js';

/** Data that can be written as JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** A fault at its time. What its parameters mean is told by the word's own file in `faults/`. */
export interface PlannedFault {
  readonly word: string;
  readonly atMs: number;
  /** When it ends, for those that last. */
  readonly untilMs: number;
  readonly params: Json;
}

/** What one task of a client does, in order; operations are the workload's. */
export type Script = readonly Json[];

/**
 * Everything that a run does, apart from the chance that its seed decides (delays, ids, which message a fault hits):
 * made from a seed, written as JSON, and made smaller by the shrinker.
 */
export interface Plan {
  readonly seed: number;
  readonly workload: string;
  /** Of every session, milliseconds. */
  readonly ttlMs: number;
  readonly requestTimeoutMs: number;
  /** Endpoints that each client knows; all lead to the one server. */
  readonly endpoints: number;
  /** Requests under way in a client beyond which its calls go in batches; absent: each goes alone. */
  readonly batchAfter?: number | undefined;
  /** Messages go through the codec. */
  readonly asBytes: boolean;
  readonly network: LinkOptions;
  /** Per client, the tasks that run side by side in it. */
  readonly scripts: readonly (readonly Script[])[];
  /** By time. */
  readonly faults: readonly PlannedFault[];
  /** No fault is active from here on. */
  readonly healAtMs: number;
}

/** Faults and operations: what the shrinker takes away. */
export function sizeOf({ faults, scripts }: Plan): { faults: number; operations: number } {
  return { faults: faults.length, operations: scripts.flat(2).length };
}
