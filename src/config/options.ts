import type { WaitOptions } from '../core/abort.js';
import { ConclaveError } from '../core/errors.js';
import { assertSchema, type StandardSchema } from '../core/standard-schema.js';
import type { KeyOrPrefix } from '../versions/place.js';
import type { ConfigProblem } from './change.js';
import type { WatcherId } from './rollout.js';
import type { Decode } from './store-layer.js';

export interface LayerOptions {
  /** What counts where nothing else says anything. */
  readonly defaults?: unknown;
  /** A JSON file, read again every 5 s; over the defaults, under the store. It need not be there. */
  readonly file?: string | undefined;
  /** `process.env`: `APP_DB__POOL_SIZE=5` is `db.poolSize`; over the store. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Which variables count. Default: `APP_`. */
  readonly environmentPrefix?: string | undefined;
  /** `process.argv`: `--config.db.poolSize=5`; over the environment. */
  readonly args?: readonly string[] | undefined;
}

export type WatchConfigOptions<T> = KeyOrPrefix &
  WaitOptions &
  LayerOptions & {
    /** Any Standard Schema v1: zod, valibot, arktype. The value is what it returns. Default: as it is. */
    readonly schema?: StandardSchema<T> | undefined;
    /** Default: `json`. */
    readonly decode?: Decode | undefined;
    /** What counts when the store cannot be reached at the start, or has nothing valid, and there is no snapshot. */
    readonly fallback?: T | undefined;
    /**
     * Where the last valid state is kept for a start without the store. Holds what the store holds: mind its secrets.
     */
    readonly snapshotFile?: string | undefined;
    /** An operator's JSON file, over everything else, read again every 5 s. It need not be there. */
    readonly overrideFile?: string | undefined;
    /** Told of each state that is refused. */
    readonly onInvalid?: ((problem: ConfigProblem) => void) | undefined;
    /** Who sees a rollout first. Default: host and process id, which a restart changes. */
    readonly instance?: WatcherId | undefined;
    /** Whether others can see, with `watchers()`, which revision is shown here. One key under the session's lease. */
    readonly report?: boolean | undefined;
    /** A value is `stale` when the store has not been heard for that long, in milliseconds. Default: 15,000. */
    readonly staleAfterMs?: number | undefined;
    /** How long the store's first word is waited for before snapshot or fallback count. Default: 2,000. */
    readonly startWaitMs?: number | undefined;
  };

/** @throws ConclaveError `INVALID_ARGUMENT`. */
export function checkWatchOptions({ staleAfterMs, startWaitMs, schema }: WatchConfigOptions<unknown>): void {
  for (const [name, value] of Object.entries({ staleAfterMs, startWaitMs })) {
    if (value === undefined || value >= 0) continue;
    throw new ConclaveError('INVALID_ARGUMENT', `${name} must be a number of at least 0, got ${value}`);
  }
  assertSchema(schema);
}
