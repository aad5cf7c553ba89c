import type { Plain } from './history.js';

/**
 * The words of a history that checkers know: operations with input and output, facts with their data. A recipe that is
 * not here may be recorded all the same, and gets its words when it gets its checker.
 */
export interface Operations {
  /** The store, object `kv`. Everything that writes should be recorded, best at the `Store` port. */
  readonly 'kv.range': { input: KvRange; output: KvRangeResult };
  readonly 'kv.put': { input: KvPut; output: { revision: bigint } };
  readonly 'kv.delete': { input: KvDelete; output: { revision: bigint; deleted: bigint } };
  readonly 'kv.txn': { input: KvTxn; output: KvTxnResult };

  /** Leases as the client asks for them; the object is the session. TTL 0 in an answer: the lease is gone. */
  readonly 'lease.grant': { input: { lease: bigint }; output: { ttlMs: number } };
  readonly 'lease.keepAlive': { input: { lease: bigint }; output: { ttlMs: number } };
  readonly 'lease.revoke': { input: { lease: bigint }; output: null };

  /** What gives a `Held`; the object is the line it stands in. Null: tried, and not free. */
  readonly 'lock.acquire': { input: HoldTerms | null; output: Grant | null };
  readonly 'rwlock.read': { input: null; output: Grant | null };
  readonly 'rwlock.write': { input: null; output: Grant | null };
  /** What was to write goes on to read, from the call on. */
  readonly 'rwlock.downgrade': { input: { fence: bigint }; output: Grant };
  readonly 'semaphore.acquire': { input: { permits: number; limit: number }; output: Grant | null };
  readonly 'semaphore.setPermits': { input: { permits: number }; output: null };
  /** The fence is the term. */
  readonly 'election.campaign': { input: { value: string }; output: Grant | null };
  readonly 'election.proclaim': { input: { fence: bigint; value: string }; output: null };
  /** Lets go in favour of the candidate that stands with the value `to`. */
  readonly 'election.handOver': { input: { fence: bigint; to: string }; output: null };
  /** Lets go of any of them; the object is the line. */
  readonly release: { input: { fence: bigint }; output: null };
  readonly 'lock.break': { input: { fence: bigint }; output: boolean };
  /** Ends when the thief has it. */
  readonly 'lock.steal': { input: null; output: { fence: bigint } };

  /**
   * A write that only a holder may make; the object is what is protected, `line` the lock's object. `saw` and `wrote`
   * are for read-modify-write. `position`: revision, or the place in the order of the store. Refused: `applied` is
   * false. `outside`: the store is not etcd and knows only the highest fence it was shown.
   */
  readonly 'guarded.write': {
    input: { line: string; fence: bigint; saw?: Plain; wrote?: Plain; outside?: boolean };
    output: { applied: boolean; position?: bigint };
  };

  /** The object is the configuration: one more on its counter. */
  readonly 'config.add': { input: null; output: { revision: bigint } };

  /** The object is the cache. A write to what is cached, and a read that is to be as new as it says. */
  readonly 'cache.write': { input: null; output: { revision: bigint } };
  readonly 'cache.read': {
    input: { consistent: boolean; maxStaleMs: number | null; minRevision: bigint };
    output: { revision: bigint };
  };

  /** The object is the queue; `item` is unique per enqueue. `revision` orders enqueues, `claim` orders deliveries. */
  readonly 'queue.enqueue': { input: QueueItem; output: { revision: bigint } };
  readonly 'queue.take': { input: null; output: QueueDelivery | null };
  readonly 'queue.ack': { input: { item: string; claim: bigint }; output: null };
  readonly 'queue.nack': { input: { item: string; claim: bigint }; output: null };
  readonly 'queue.switch': { input: { paused: boolean }; output: null };
  readonly 'queue.purge': { input: null; output: { count: number } };
  /** Whether there was such an item, and for a redrive such a dead letter. */
  readonly 'queue.cancel': { input: { item: string }; output: boolean };
  readonly 'queue.redrive': { input: { item: string }; output: boolean };
  /** `claim`: whose result it is, if the item was done. */
  readonly 'queue.result': { input: { item: string }; output: { state: 'done' | 'dead' | 'gone'; claim?: bigint } };

  /** The object is the barrier. An `await` that ended ok has passed. */
  readonly 'barrier.raise': { input: null; output: null };
  readonly 'barrier.lift': { input: null; output: null };
  readonly 'barrier.await': { input: null; output: null };
  readonly 'doubleBarrier.enter': { input: { parties: number }; output: null };
  readonly 'doubleBarrier.leave': { input: { parties: number }; output: null };
  readonly 'latch.countDown': { input: { count: number }; output: null };
  readonly 'latch.await': { input: { count: number }; output: null };

  /** The object is the counter; each `delta` is a power of two of its own. */
  readonly 'counter.add': { input: { delta: bigint }; output: { value: bigint } };
  readonly 'sequence.next': { input: null; output: { id: bigint } };
  readonly 'limit.take': { input: { burst: number; intervalMs: number }; output: { allowed: boolean } };

  /** Appends `id` to some keys and deletes others; `seen` is what it has read, without the keys that are not there. */
  readonly 'stm.run': {
    input: { id: string; reads: readonly string[]; appends: readonly string[]; clears: readonly string[] };
    output: { seen: Readonly<Record<string, string>> };
  };
}

export interface Facts {
  /** A reading of `held`, at this moment. `serverHas`: whether the server has the lease, where the run can see it. */
  readonly held: { fence: bigint; lease: bigint; held: boolean; remainingMs: number; serverHas?: boolean };
  /** The holder's signal has aborted, other than by its own release. */
  readonly lost: { fence: bigint; lease: bigint; reason: string; loss?: string };

  /** What one observer of registry, config or election was shown; `observer` is unique within its process. */
  readonly view: { observer: string; revision?: bigint; value: Plain };
  /** The observer was closed: from here on it need not be shown anything. */
  readonly 'view.end': { observer: string };
  /** By `server`: what the object was from this revision on. Every state once it is recorded at all. */
  readonly state: { revision: bigint; value: Plain };

  /** By `server`: who stands in the line from this revision on. Every state once it is recorded at all. */
  readonly 'line.state': LineState;

  /** Who is to be put; `after`: those of the same process and key, which have all been given up or have ended. */
  readonly 'registration.begins': { owner: string; after: readonly string[] };
  /** A registration as it says itself some time after the last fault; `ended`: the code, when it has. */
  readonly 'registration.kept': RegistrationWord;
  /** The same when it has been given up. */
  readonly 'registration.gone': RegistrationWord;

  /** What a member has of a partition of so many items, some time after the last fault; `ended`: why it has no part. */
  readonly 'partition.share': { of: number; held: readonly string[]; ended: string | null };

  /** `watch` is unique within its process; revisions as in etcd's messages. */
  readonly 'watch.start': WatchStart;
  readonly 'watch.created': { watch: string; revision: bigint };
  readonly 'watch.events': { watch: string; revision: bigint; events: readonly WatchedEvent[] };
  readonly 'watch.progress': { watch: string; revision: bigint };
  /** Ended by an error with this code, or by the caller: `cancelled`. */
  readonly 'watch.end': { watch: string; code: string };

  /** By `server`, object `kv`: the log, every change in order, from the first revision on. */
  readonly 'kv.event': KvEvent;
  readonly 'kv.compacted': { revision: bigint };
  /** By `server`. `serverMs`: its own clock, where that runs otherwise than the run's. */
  readonly 'lease.granted': { lease: bigint; ttlMs: number; serverMs?: number };
  readonly 'lease.renewed': { lease: bigint; ttlMs: number; serverMs?: number };
  /** `injected`: a fault took it before its time. `revision`: of the deletes, if keys hung on it. */
  readonly 'lease.ended': {
    lease: bigint;
    cause: 'expired' | 'revoked' | 'injected';
    revision?: bigint;
    serverMs?: number;
  };

  /** An item was given up after its last attempt, as promised. */
  readonly 'queue.dead': { item: string };
  /** By `server`: all jobs that have a dedupe key and are no dead letters, from now on. */
  readonly 'queue.keyed': { jobs: readonly { id: string; key: string }[] };
  /** An enqueue of `item` was told that job `id` is there of the same dedupe key. */
  readonly 'queue.duplicate': { item: string; key: string; id: string };
  /** By `server`: a claim, whoever hears of it. */
  readonly 'queue.claimed': { item: string; claim: bigint };
  /** By `server`: the queue is paused from now on, or is not. */
  readonly 'queue.paused': { paused: boolean };
  /** By `server`: what was ready in front of what was claimed. */
  readonly 'queue.passed': { keys: readonly string[] };
  /** By `server`: a claim of a group of which another claim was there. */
  readonly 'queue.beside': { group: string; items: readonly string[] };
  /** By `server`, at the end, when every job is done or dead: keys of groups, and dedupe keys, that are still there. */
  readonly 'queue.groups': { keys: readonly string[] };
  /** By `server`: a report of how far a job is. `claim` is whose it says it is, `live` the job's claim at that time. */
  readonly 'queue.progress': { job: string; claim: bigint; step: number; live: bigint };
  /** By `server`: an item that a purge took away, and whether it was in somebody's hands. */
  readonly 'queue.purged': { item: string; claimed: boolean };
  /** By `server`: a result that is kept; `claim` is whose it says it is, `done` whether its item went with it. */
  readonly 'queue.kept': { item: string; claim: bigint; done: boolean };
  /** By `server`, at the end: what the queue counts as there, and how many items are. */
  readonly 'queue.counted': { jobs: number; kib: number; there: number };
  /** By `server`, at the end: items that are still in the queue. */
  readonly 'queue.remaining': { items: readonly string[] };

  /**
   * By `server`: a schedule as it is from this revision on. `since`: when it was made; `said`: what was declared;
   * `waiting`: how many of its jobs wait for their group; `latestMs`: the latest that a process's clock has shown.
   */
  readonly 'schedule.state': {
    name: string;
    said: string;
    since: bigint;
    revision: bigint;
    overlap: 'allow' | 'skip' | 'wait';
    waiting: number;
    latestMs: number;
    nextMs: number | null;
    seq: number;
  };
  readonly 'schedule.removed': { name: string };
  /** By `server`: a job that was added for a tick, and the rhythm of the schedule at that revision, if it is there. */
  readonly 'schedule.tick': { name: string; atMs: number; revision: bigint; rhythm: string | null };

  /**
   * By `server`: all keys of the transactions from this revision on, and which it wrote. `earliestMs`: since when it
   * may have been so, where it was seen late.
   */
  readonly 'stm.state': {
    revision: bigint;
    earliestMs?: number;
    values: Readonly<Record<string, string>>;
    changed: readonly string[];
  };

  /** By `server`, at the end. */
  readonly 'counter.total': { value: bigint };

  /** By `server`, once everything is closed: what is still there. */
  readonly residue: { keys: readonly string[]; leases: readonly bigint[]; watches?: number; timers?: number };

  /**
   * By `world`: `healed` means that no fault is active from here on, and `arrivedMs` when all has arrived that was
   * under way then; `end` that everyone had their time to finish.
   */
  readonly phase: { phase: 'faults' | 'healed' | 'end'; arrivedMs?: number };
  /** By `world`: for the reader. */
  readonly fault: Plain;
  /** By the process that it befalls: it does nothing more; it does nothing until it resumes. */
  readonly crash: null;
  readonly pause: null;
  readonly resume: null;
}

export type InputOf<Op extends string> = Op extends keyof Operations ? Operations[Op]['input'] : Plain;
export type OutputOf<Op extends string> = Op extends keyof Operations ? Operations[Op]['output'] : Plain;
export type FactOf<Fact extends string> = Fact extends keyof Facts ? Facts[Fact] : Plain;

/** How long it may be held, and for how long nobody else gets it after a loss. */
export type HoldTerms = { readonly maxHoldMs?: number; readonly lockDelayMs?: number };

/** What an acquire gave. */
export type Grant = { readonly fence: bigint; readonly lease: bigint; readonly key?: string };

/** The places of a line in order; for a semaphore with the number of permits that there are. */
export type LineState = {
  readonly revision: bigint;
  readonly places: readonly LinePlace[];
  readonly permits?: number;
  /** When that number was set; absent: as declared. */
  readonly permitsSince?: bigint;
};
/** `permits`: what it takes of a semaphore's. `reads`: in a lock's line. */
export type LinePlace = {
  readonly fence: bigint;
  readonly owner: string;
  readonly permits?: number;
  readonly reads?: boolean;
};

/** A key with its value, as etcd shows it. */
export type KvItem = {
  readonly key: string;
  readonly value: string;
  readonly create: bigint;
  readonly mod: bigint;
  readonly version: bigint;
  readonly lease: bigint;
};

export type KvRange = {
  readonly key: string;
  readonly rangeEnd?: string;
  /** Read as of this revision; absent: now. */
  readonly revision?: bigint;
  readonly limit?: number;
  readonly serializable?: boolean;
  readonly countOnly?: boolean;
  readonly keysOnly?: boolean;
  /** Sorted or filtered by revisions: the order of the items, and which are left out, is not judged. */
  readonly shaped?: boolean;
};
export type KvRangeResult = {
  readonly revision: bigint;
  readonly kvs: readonly KvItem[];
  readonly count: bigint;
};
export type KvPut = {
  readonly key: string;
  readonly value: string;
  readonly lease?: bigint;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
};
export type KvDelete = { readonly key: string; readonly rangeEnd?: string };
export type KvCompare = {
  readonly key: string;
  readonly rangeEnd?: string;
  readonly target: 'create' | 'mod' | 'version' | 'value' | 'lease';
  readonly result: '=' | '>' | '<' | '!=';
  readonly operand: bigint | string;
};
export type KvOp =
  | { readonly op: 'range'; readonly input: KvRange }
  | { readonly op: 'put'; readonly input: KvPut }
  | { readonly op: 'delete'; readonly input: KvDelete }
  | { readonly op: 'txn'; readonly input: KvTxn };
export type KvTxn = {
  readonly compare: readonly KvCompare[];
  readonly success: readonly KvOp[];
  readonly failure: readonly KvOp[];
};
/** One answer per operation of the branch that ran; an empty one for a put. */
export type KvTxnResult = {
  readonly revision: bigint;
  readonly succeeded: boolean;
  readonly responses: readonly KvAnswer[];
};
export type KvAnswer =
  | { readonly op: 'range'; readonly kvs: readonly KvItem[]; readonly count: bigint }
  | { readonly op: 'put' }
  | { readonly op: 'delete'; readonly deleted: bigint }
  | { readonly op: 'txn'; readonly succeeded: boolean; readonly responses: readonly KvAnswer[] };

/** One change. A delete has no value, and zeros but for `revision`. */
export type KvEvent = {
  readonly revision: bigint;
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly create: bigint;
  readonly version: bigint;
  readonly lease: bigint;
};

export type WatchStart = {
  readonly watch: string;
  readonly key: string;
  readonly rangeEnd?: string;
  /** Absent: from the revision of `watch.created` on, exclusive. */
  readonly startRevision?: bigint;
  readonly noPut?: boolean;
  readonly noDelete?: boolean;
  readonly prevKv?: boolean;
  /** The answers may be split: a revision may come in parts. */
  readonly fragment?: boolean;
};
export type WatchedEvent = KvEvent & { readonly prev?: KvItem };

export type RegistrationWord = { readonly owner: string; readonly status: string; readonly ended: string | null };

export type QueueItem = {
  readonly item: string;
  /** Higher goes first. Default: 0. */
  readonly priority?: number;
  /** Not to be delivered before. */
  readonly delayMs?: number;
  /** One of it at a time. */
  readonly group?: string;
};
export type QueueDelivery = { readonly item: string; readonly claim: bigint; readonly lease?: bigint };
