/** What a client process is told when it starts. Plain data: it goes through its command line. */
export interface ClientConfig {
  /** Its name in the history. */
  readonly process: string;
  /** Its history is written here, line by line. */
  readonly file: string;
  /** As `connect()` takes it. */
  readonly url: string;
  readonly ttlMs: number;
  readonly requestTimeoutMs: number;
  readonly seed: number;
  readonly work: WorkName;
  readonly names: readonly string[];
  readonly variant: Variant;
  /** Of the outside store. */
  readonly storePort?: number | undefined;
}

export type WorkName = 'lock' | 'outside' | 'election' | 'kv';

/**
 * `sound`: by the rules. `unfenced`: shows no fence to the outside store, which then takes whatever comes. `stale`: the
 * planted failure, which acts on a handle with neither a look at `held` nor a guard.
 */
export type Variant = 'sound' | 'unfenced' | 'stale';

/** From the suite to a client, in this order. */
export type Order =
  /** Finish what is under way, begin nothing new. */
  | 'finish'
  /** Wait until the observers have seen the last state. */
  | 'settle'
  /** Give everything back and exit. */
  | 'close';

/** From a client to the suite. */
export type Report =
  | { readonly type: 'ready' }
  /** Something was done; `holding`: a lock or leadership is held from now on, and no more once it is null. */
  | { readonly type: 'progress'; readonly holding?: string | null }
  | { readonly type: 'finished' }
  | { readonly type: 'settled' };
