/** What the generator is asked to do to the server on 127.0.0.1:`port`. */
export type Job = { readonly port: number } & (
  | {
      /** Closed loops: each of `concurrency` callers sends its next call when the last one is answered. */
      readonly type: 'calls';
      readonly call: CallKind;
      readonly concurrency: number;
      readonly durationMs: number;
    }
  | {
      /** `watchers` on one prefix, `rounds` puts below it one after another, until every watcher has every event. */
      readonly type: 'fanOut';
      readonly watchers: number;
      readonly durationMs: number;
    }
  | {
      /** Heartbeats of `leases` leases over one stream, `window` of them unanswered. */
      readonly type: 'keepAlives';
      readonly leases: number;
      readonly window: number;
      readonly durationMs: number;
    }
  | {
      /** `txns` txns, each of `putsPerTxn` puts of keys never written before; or all over `keys` keys. */
      readonly type: 'fill';
      readonly txns: number;
      readonly putsPerTxn: number;
      readonly keys?: number | undefined;
      /** Under way at once. Default: 256. */
      readonly callers?: number | undefined;
    }
);

/** `lockCycle`: what a lock costs at least, a guarded create and a guarded delete; counted as one. */
export type CallKind = 'put' | 'txn' | 'get';

export interface JobResult {
  /** Calls answered, events seen. */
  readonly count: number;
  readonly seconds: number;
  /** Of the generator's process, user and system. */
  readonly cpuMicros: number;
  /** Of a call, where calls were measured. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}
