import { utf8Text } from '../core/bytes.js';
import type { SimServer } from '../sim/sim-server.js';

/** What is still there: all empty once everything was given back. */
export interface LeftBehind {
  /** Keys on the store, as text, in their order. */
  readonly keys: readonly string[];
  /** Ids of the leases that the store has. */
  readonly leases: readonly bigint[];
  /** Watches that the store serves. */
  readonly watches: number;
  /** Timers of the processes that are alive. */
  readonly timers: number;
}

/** The store's keys that start with `prefix`; looked at past every network and fault, and without moving its time. */
export function keysOf({ truth }: SimServer, prefix: string): string[] {
  const { kvs } = truth.engine.range({ key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]), keysOnly: true });
  return kvs.map(({ key }) => utf8Text(key)).filter((key) => key.startsWith(prefix));
}

export function leasesOf({ truth }: SimServer): bigint[] {
  return truth.engine.leaseLeases().leases.map(({ id }) => id);
}
