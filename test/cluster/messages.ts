/** What a client process is told when it starts. Plain data: it goes through its command line. */
export interface ClientConfig {
  /** Its name in the history. */
  readonly process: string;
  /** Whose place it takes: whoever comes after one that was killed has the same. */
  readonly place: number;
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

export const workNames = [
  'lock',
  'outside',
  'shared',
  'election',
  'queue',
  'schedule',
  'ephemeral',
  'registry',
  'config',
  'cache',
  'barrier',
  'counter',
  'partition',
  'stm',
  'kv',
] as const;
export type WorkName = (typeof workNames)[number];

/**
 * `sound`: by the rules. `unfenced`: the control, which must lose. It shows no fence to the outside store, which then
 * takes whatever comes; writes under a lock with neither a look at `held` nor a guard; says of a job that it is done
 * before it does it; sets a counter, or a number of the configuration, to one more than it was. `stale`: planted
 * failures that the checkers must find: the same of a lock, jobs of a group that the queue is not told of, a run that
 * its process takes for its own for ever, an ephemeral key put over what is another's, an observer of the registry that
 * sees nobody leave, one of the configuration that sees half of each txn too late, a reader of a cache that waits for
 * nothing, a party that waits for nobody, numbers of a sequence that are read and written, a rate that each process
 * counts for itself, and a transaction that compares nothing.
 */
export type Variant = 'sound' | 'unfenced' | 'stale';

/** From the suite to a client, in this order. */
export type Order =
  /** Now and then: block the event loop for longer than the TTL. */
  | 'stall'
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
